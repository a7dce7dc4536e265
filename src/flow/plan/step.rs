//! The steps of a plan and its questions: commands, and the names in them of what only the node knows.

use serde::{Deserialize, Serialize};

use super::super::digest::Digester;
use super::LOCAL;

/// One command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// `local`, or the destination of ssh.
    pub on: String,
    /// The program and its arguments; over ssh each word is quoted.
    pub argv: Vec<String>,
    /// The working directory: absolute, or `~` for the home of the user who runs it; none leaves it as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Seconds until it is ended.
    pub timeout_s: u64,
    /// Whether it fetches, before anything is disturbed, or applies.
    pub phase: Phase,
    /// Whether the leading `docker compose` stands for whichever compose command the node has.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub compose: bool,
    /// Whether words in angle brackets ([`name`]) stand for what only the node knows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub named: bool,
    /// Whether the plan goes on when it fails: a later step finds out whether that matters.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_fail: bool,
}

/// A question to the node: a command that changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// What it answers.
    pub what: What,
    /// The command.
    #[serde(flatten)]
    pub step: Step,
}

/// What a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The commit of the repository's work tree.
    Commit,
    /// The service's containers, by ID or name.
    Containers,
    /// The rendered Compose config, which names the images.
    Config,
    /// The Swarm services of the stack, with their replicas.
    Services,
    /// The state of the systemd unit.
    Unit,
    /// What the project's Compose file is called.
    ComposeFile,
    /// What the branch's remote has: no answer to a plan's question, but asked by `plan --fetch`.
    Fetch,
    /// The newest commit of the branch's remote.
    Upstream,
    /// The commits between.
    Log,
    /// How the project's files differ.
    Diff,
}

/// What stands in a plan by name, because only the node knows it.
pub mod name {
    /// The commit before.
    pub const COMMIT_BEFORE: &str = "<commit-before>";
    /// The ID of an image that ran before; its step is run once for each.
    pub const IMAGE_BEFORE: &str = "<image-before>";
    /// The name of that image.
    pub const IMAGE_NAME: &str = "<image-name>";
    /// That image's number.
    pub const NUMBER: &str = "<n>";
    /// The images that the project needs and does not build.
    pub const IMAGES: &str = "<images>";
    /// A service of the stack, or one of the project whose image is pulled; its step is run once for each.
    pub const SERVICE: &str = "<service>";
    /// A container whose service the project did not have before; its step is run once for each.
    pub const CONTAINER_ADDED: &str = "<container-added>";
    /// What the project's Compose file is called, where it lies on another machine.
    pub const COMPOSE_FILE: &str = "<compose-file>";
}

/// What a step does to what runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Gets what the next steps need; what runs goes on running.
    Fetch,
    /// Changes what runs.
    Apply,
    /// Restores what ran before, only where the steps before it did not bring health.
    Rollback,
}

impl Phase {
    fn code(self) -> u64 {
        match self {
            Self::Apply => 0,
            Self::Fetch => 1,
            Self::Rollback => 2,
        }
    }
}

impl Step {
    /// Returns whether the step runs over ssh.
    pub fn is_remote(&self) -> bool {
        self.on != LOCAL
    }

    /// Returns whether a word of the command holds this name.
    pub fn names(&self, name: &str) -> bool {
        self.named && self.argv.iter().any(|word| word.contains(name))
    }

    /// Returns whether it brings the repository to a commit.
    pub fn fetches_commit(&self) -> bool {
        self.phase == Phase::Fetch && self.argv.iter().any(|word| word == "git")
    }

    /// Returns whether what it does depends on a project's rendered config.
    pub fn renders_config(&self) -> bool {
        self.compose || self.argv.windows(3).any(|words| words == ["docker", "stack", "deploy"])
    }

    /// Adds it to a digest.
    pub fn digest(&self, digester: Digester) -> Digester {
        let Step { on, argv, cwd, timeout_s, phase, compose, named, may_fail } = self;
        digester
            .text(on)
            .list(argv.iter().map(String::as_str))
            .maybe(cwd.as_deref())
            .number(*timeout_s)
            .number(phase.code())
            .number(u64::from(*compose) | u64::from(*named) << 1 | u64::from(*may_fail) << 2)
    }
}
