//! Which compose command a node has, and how a step is written for it. Asked once a node and pass.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use crate::flow::plan::{KILL_AFTER_S, LOCAL, Step};
use crate::flow::ssh::{self, CONNECT_TIMEOUT_S};
use crate::process::{self, Answer};

use super::verdict::{Failure, Reason, StepEnd, engine_away, judge};

/// Seconds that a node may take to name its compose command.
const PROBE_S: u64 = 20;

/// A compose command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compose {
    /// `docker compose`, Docker's plugin.
    Plugin,
    /// `docker-compose`, the program of its own.
    Standalone,
}

impl Compose {
    const ALL: [Compose; 2] = [Self::Plugin, Self::Standalone];

    /// Returns the words of the command.
    pub fn words(self) -> &'static [&'static str] {
        match self {
            Self::Plugin => &["docker", "compose"],
            Self::Standalone => &["docker-compose"],
        }
    }

    /// Finds out which one a node has: the plugin where it answers, else the program of its own.
    pub fn find(on: &str) -> Result<Compose, Failure> {
        for compose in Self::ALL {
            let step = version_step(on, compose);
            let started = std::time::Instant::now();
            match ask(&step) {
                Ok(answer) if answer.is_success() => return Ok(compose),
                Ok(answer) => {
                    let (status, timed_out) = (answer.ended.status, answer.ended.timed_out);
                    let end = StepEnd { status, timed_out, took: started.elapsed(), output: &answer.output, ssh: None };
                    // What did not end by itself, or a node that cannot be asked, has not said that the command is missing.
                    if let Some(signal) = status.and_then(|s| s.signal()).filter(|_| !step.is_remote()) {
                        let message = format!("asking for the compose command was ended by signal {signal}");
                        return Err(Failure::new(Reason::NotStarted, message));
                    }
                    if let Some(failure) =
                        judge(&step, &end).filter(|f| f.reason.is_node_s() || f.reason == Reason::Timeout)
                    {
                        return Err(failure);
                    }
                }
                Err(e) if e.kind() == std::io::ErrorKind::NotFound && on == LOCAL => {}
                Err(e) => {
                    return Err(Failure::new(Reason::NotStarted, format!("cannot ask for the compose command: {e}")));
                }
            }
        }
        let message =
            "neither `docker compose` nor `docker-compose` answers: install Docker's compose plugin on the node";
        Err(Failure::new(Reason::NoCompose, message))
    }

    /// Returns whether it can recreate containers on the node's engine. Where a version cannot be had, it is tried.
    pub fn can_recreate(self, on: &str) -> bool {
        let own = [self.words(), &["version", "--short"]].concat();
        let engine = ["docker", "version", "--format", "{{.Server.Version}}"];
        match self {
            Self::Plugin => true,
            Self::Standalone => {
                major(on, &own) != Some(1) || major(on, &engine).is_none_or(|engine| engine < FIRST_UNFIT_ENGINE)
            }
        }
    }

    /// Returns a step's words for this command.
    ///
    /// The program of its own looks for the project's file only from the working directory up, whatever
    /// `--project-directory` says, so without a named file it is started there. Its version 1 also gives up on an
    /// engine that is silent for 60 s, as it is while a large container stops, unless told otherwise.
    pub fn fill_in(self, step: &Step) -> Vec<String> {
        let words = Self::Plugin.words();
        let at = step.argv.windows(words.len()).position(|w| w == words);
        let (Self::Standalone, Some(at)) = (self, at) else { return step.argv.clone() };
        let (before, mut rest) = (&step.argv[..at], step.argv[at + words.len()..].to_vec());
        let mut filled = before.to_vec();
        filled.push("env".into());
        let option = rest.iter().position(|w| w == "--project-directory").filter(|at| at + 1 < rest.len());
        if let Some(at) = option.filter(|_| !rest.iter().any(|w| w == "--file")) {
            filled.push(format!("--chdir={}", rest[at + 1]));
            rest.drain(at..at + 2);
        }
        filled.push(format!("COMPOSE_HTTP_TIMEOUT={}", step.timeout_s));
        filled.extend(self.words().iter().map(|w| (*w).to_owned()));
        filled.extend(rest);
        filled
    }
}

impl std::fmt::Display for Compose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.words().join(" "))
    }
}

/// Since this version the engine no longer says what docker-compose 1 needs to recreate a container
/// (docker/compose #11742).
const FIRST_UNFIT_ENGINE: u32 = 25;

/// What is said of such a pair.
pub const TOO_OLD: &str = "docker-compose 1 fails to recreate containers on Docker 25 and newer (docker/compose #11742), \
    and nothing was disturbed: install Docker's compose plugin on the node";

/// Returns whether the node's engine does not answer, as Docker's own client says it.
pub fn is_engine_away(on: &str) -> bool {
    let answer = ask(&short_step(on, &["docker", "version", "--format", "{{.Server.Version}}"]));
    answer.is_ok_and(|answer| !answer.is_success() && engine_away(&answer.output).is_some())
}

/// Returns the first number of the version that a command prints.
fn major(on: &str, words: &[&str]) -> Option<u32> {
    let answer = ask(&short_step(on, words)).ok().filter(Answer::is_success)?;
    answer.output.trim().trim_start_matches('v').split('.').next()?.parse().ok()
}

fn version_step(on: &str, compose: Compose) -> Step {
    short_step(on, &[compose.words(), &["version"]].concat())
}

fn short_step(on: &str, words: &[&str]) -> Step {
    let wrapper = if on == LOCAL {
        vec![]
    } else {
        vec!["timeout".into(), "-k".into(), KILL_AFTER_S.to_string(), PROBE_S.to_string()]
    };
    let argv = wrapper.into_iter().chain(words.iter().map(|w| (*w).to_owned())).collect();
    let (timeout_s, phase) = (PROBE_S, crate::flow::plan::Phase::Fetch);
    Step { on: on.into(), argv, cwd: None, timeout_s, phase, compose: false, named: false, may_fail: false }
}

fn ask(step: &Step) -> std::io::Result<Answer> {
    let argv: Vec<OsString> = if step.is_remote() {
        ssh::command(&step.on, &step.argv, None).map_err(std::io::Error::other)?
    } else {
        step.argv.iter().map(OsString::from).collect()
    };
    process::ask(&argv, None, Duration::from_secs(PROBE_S + CONNECT_TIMEOUT_S))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::plan::Phase;

    fn filled(compose: Compose, argv: &str) -> String {
        let argv = argv.split(' ').map(str::to_owned).collect();
        let (phase, timeout_s) = (Phase::Apply, 600);
        let on = "o@h".into();
        let step = Step { on, argv, cwd: None, timeout_s, phase, compose: true, named: false, may_fail: false };
        compose.fill_in(&step).join(" ")
    }

    #[test]
    fn the_plugin_s_words_are_those_of_the_plan() {
        let plan = "timeout -k 10 600 docker compose --project-directory lab/web up -d";
        assert_eq!(filled(Compose::Plugin, plan), plan);
    }

    #[test]
    fn the_program_of_its_own_starts_in_the_project_or_gets_its_files() {
        assert_eq!(
            filled(Compose::Standalone, "timeout -k 10 600 docker compose --project-directory lab/web up -d"),
            "timeout -k 10 600 env --chdir=lab/web COMPOSE_HTTP_TIMEOUT=600 docker-compose up -d"
        );
        assert_eq!(
            filled(Compose::Standalone, "docker compose --project-directory w --file w/c.yml --file o.yml restart"),
            "env COMPOSE_HTTP_TIMEOUT=600 docker-compose --project-directory w --file w/c.yml --file o.yml restart"
        );
    }
}
