//! What a step's end means: a reason for programs, a message for people, and whether the node itself is to blame.
//! Pure: looks only at what it is given.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use crate::flow::plan::{Phase, Step};
use crate::flow::ssh::Trouble;

/// Why an execution failed: the word in its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A step ended with another exit code than 0, or by a signal.
    StepFailed,
    /// A step that only fetches failed: what ran before goes on running.
    FetchFailed,
    /// A step took longer than it may.
    Timeout,
    /// The program of a step is not there, or cannot be run.
    ProgramMissing,
    /// The container engine of the node does not answer.
    EngineUnreachable,
    /// Neither `docker compose` nor `docker-compose` answers on the node.
    NoCompose,
    /// The node's `docker-compose` cannot recreate containers on its engine.
    ComposeTooOld,
    /// What ran before could not be restored.
    RollbackFailed,
    /// ssh failed, not the command: `ssh_unreachable`, `ssh_refused`, `ssh_host_key`, `ssh_connection_lost`.
    Ssh(Trouble),
    /// The steps ended well, but the service was not healthy for long enough in time.
    NotHealthyAfter,
    /// Nothing was run, for a reason on this machine: no process could be started, or not be recorded.
    NotStarted,
}

impl Reason {
    /// Returns the word for it in an action's result.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StepFailed => "step_failed",
            Self::FetchFailed => "fetch_failed",
            Self::Timeout => "timeout",
            Self::ProgramMissing => "program_missing",
            Self::EngineUnreachable => "engine_unreachable",
            Self::NoCompose => "no_compose",
            Self::ComposeTooOld => "compose_too_old",
            Self::RollbackFailed => "rollback_failed",
            Self::Ssh(trouble) => trouble.reason(),
            Self::NotHealthyAfter => "not_healthy_after",
            Self::NotStarted => "not_started",
        }
    }

    /// Returns whether the node itself is to blame, so that its other actions would fail too.
    pub fn is_node_s(self) -> bool {
        matches!(self, Self::Ssh(_) | Self::EngineUnreachable)
    }
}

/// The hint that something may still run on the node.
pub const MAY_STILL_RUN: &str = "may_still_run";

/// Why an execution failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// For programs.
    pub reason: Reason,
    /// For people; one line.
    pub message: String,
    /// The exit code of the step, where it had one.
    pub exit_code: Option<i32>,
    /// Whether something may still run on the node.
    pub may_still_run: bool,
}

impl Failure {
    /// Makes a failure that no exit code belongs to.
    pub fn new(reason: Reason, message: impl Into<String>) -> Failure {
        Failure { reason, message: message.into(), exit_code: None, may_still_run: false }
    }

    /// Blames the engine for the failure of a step that talks to it, where that does not answer any more: what went
    /// away in the middle of a call is said in many words (`unexpected EOF`).
    pub fn or_engine_s(self, step: &Step, is_away: impl FnOnce() -> bool) -> Failure {
        let may_be = matches!(self.reason, Reason::StepFailed | Reason::FetchFailed) && asks_engine(step);
        if !may_be || !is_away() {
            return self;
        }
        let message = format!("{}; the container engine does not answer any more", self.message);
        Failure { reason: Reason::EngineUnreachable, message, ..self }
    }
}

/// How a step ended, and what was heard of it.
#[derive(Debug)]
pub struct StepEnd<'a> {
    /// Its status; none where nothing could end it.
    pub status: Option<ExitStatus>,
    /// Whether it was ended because its time was up.
    pub timed_out: bool,
    /// How long it took.
    pub took: Duration,
    /// The last of its output, masked.
    pub output: &'a str,
    /// What ssh itself said; none where it is not known apart from the output.
    pub ssh: Option<&'a str>,
}

/// Returns why a step failed, if it did.
pub fn judge(step: &Step, end: &StepEnd<'_>) -> Option<Failure> {
    let code = end.status.and_then(|s| s.code());
    if code == Some(0) && !end.timed_out {
        return None;
    }
    let mut failure = match (code, end.timed_out) {
        (_, true) => timeout(step),
        // coreutils' and BusyBox's `timeout` end so, but so may the command itself: before its time it did.
        (Some(124 | 137 | 143), _) if step.is_remote() && end.took.as_secs() >= step.timeout_s => timeout(step),
        // Whoever ended the ssh here did not end the command there.
        (None, _) if step.is_remote() => ssh_ended(step, end),
        (Some(255), _) if step.is_remote() => ssh_failed(step, end).unwrap_or_else(|| ended_badly(step, end)),
        _ => ended_badly(step, end),
    };
    failure.exit_code = code;
    if step.phase == Phase::Fetch && matches!(failure.reason, Reason::StepFailed | Reason::ProgramMissing) {
        failure.reason = Reason::FetchFailed;
    }
    Some(failure)
}

fn timeout(step: &Step) -> Failure {
    let message = format!("it took longer than {} s", step.timeout_s);
    Failure { may_still_run: step.is_remote(), ..Failure::new(Reason::Timeout, message) }
}

/// Returns what ssh's 255 means; none where it was the command's own exit code.
fn ssh_failed(step: &Step, end: &StepEnd<'_>) -> Option<Failure> {
    let last = last_line(end.output).unwrap_or_default();
    let (trouble, words) = match end.ssh {
        Some(words) if !words.trim().is_empty() => (Trouble::of(words), words),
        // The one thing that ssh says past its own log: the other side hung up.
        Some(_) => (Trouble::recognize(last).filter(|t| *t == Trouble::ConnectionLost)?, last),
        // An ssh that keeps no log of its own speaks among the output.
        None => (Trouble::recognize(last)?, last),
    };
    let said = last_line(words).unwrap_or_default();
    let message = format!("ssh to {}: {}; {}", step.on, plain(said), trouble.advice());
    Some(Failure { may_still_run: trouble == Trouble::ConnectionLost, ..Failure::new(Reason::Ssh(trouble), message) })
}

fn ssh_ended(step: &Step, end: &StepEnd<'_>) -> Failure {
    let signal =
        end.status.and_then(|s| s.signal()).map_or("it could not be ended".into(), |n| format!("ended by signal {n}"));
    let message = format!("ssh to {}: {signal}; {}", step.on, Trouble::ConnectionLost.advice());
    Failure { may_still_run: true, ..Failure::new(Reason::Ssh(Trouble::ConnectionLost), message) }
}

fn ended_badly(step: &Step, end: &StepEnd<'_>) -> Failure {
    let code = end.status.and_then(|s| s.code());
    let away = engine_away(end.output).filter(|_| asks_engine(step));
    let (reason, said) = match (code, away) {
        (Some(126 | 127), _) => (Reason::ProgramMissing, last_line(end.output)),
        (_, Some(away)) => (Reason::EngineUnreachable, Some(away.trim())),
        (_, None) => (Reason::StepFailed, last_line(end.output)),
    };
    let said = said.map(plain);
    let how = match (code, end.status.and_then(|s| s.signal())) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "it could not be ended".into(),
    };
    Failure::new(reason, said.unwrap_or(how))
}

/// Returns whether a step talks to Docker's engine itself, so that its words about the engine are believed.
fn asks_engine(step: &Step) -> bool {
    step.argv.iter().any(|word| matches!(word.as_str(), "docker" | "docker-compose"))
}

/// Returns the line that says that the engine is away, or went away in the middle.
pub fn engine_away(output: &str) -> Option<&str> {
    const WORDS: [&str; 7] = [
        "Cannot connect to the Docker daemon",
        "Couldn't connect to Docker daemon",
        "failed to connect to the docker API",
        "Error while fetching server API version",
        "error during connect",
        "('Connection aborted.'",
        "permission denied while trying to connect to the Docker daemon",
    ];
    output.lines().rev().find(|line| WORDS.iter().any(|words| line.contains(words)))
}

/// Returns the last line that says anything.
pub fn last_line(text: &str) -> Option<&str> {
    text.lines().rev().map(str::trim).find(|line| !line.is_empty())
}

/// Most characters of a line that a message repeats.
const MOST: usize = 300;

/// Returns a line without what steers a terminal: colours are dropped, all other control characters escaped.
pub fn plain(line: &str) -> String {
    let mut rest = line;
    let mut text = String::new();
    while let Some(c) = rest.chars().next().filter(|_| text.chars().count() < MOST) {
        rest = &rest[c.len_utf8()..];
        if c == '\u{1b}' && rest.starts_with('[') {
            let end = rest[1..].find(|c: char| ('@'..='~').contains(&c));
            rest = end.map_or("", |at| &rest[at + 2..]);
        } else if c.is_control() {
            text.extend(c.escape_unicode());
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(on: &str, argv: &str, phase: Phase) -> Step {
        let argv = argv.split(' ').map(str::to_owned).collect();
        Step { on: on.into(), argv, cwd: None, timeout_s: 60, phase, compose: false, named: false, may_fail: false }
    }

    fn end(code: i32, output: &str) -> StepEnd<'_> {
        StepEnd {
            status: Some(ExitStatus::from_raw(code << 8)),
            timed_out: false,
            took: Duration::from_secs(1),
            output,
            ssh: None,
        }
    }

    fn reason(step: &Step, end: &StepEnd<'_>) -> &'static str {
        judge(step, end).map_or("", |f| f.reason.as_str())
    }

    #[test]
    fn exit_codes_phases_and_words_give_the_reason() {
        let (fetch, apply) = (step("local", "git pull", Phase::Fetch), step("local", "make up", Phase::Apply));
        let docker = step("local", "docker restart a", Phase::Apply);
        assert_eq!(reason(&apply, &end(0, "")), "");
        assert_eq!(reason(&apply, &end(2, "")), "step_failed");
        assert_eq!(reason(&fetch, &end(2, "")), "fetch_failed");
        assert_eq!(reason(&fetch, &end(127, "")), "fetch_failed");
        assert_eq!(reason(&apply, &end(127, "")), "program_missing");
        assert_eq!(reason(&apply, &end(255, "")), "step_failed");
        assert_eq!(reason(&apply, &end(124, "")), "step_failed");
        let away = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?";
        assert_eq!(reason(&docker, &end(1, away)), "engine_unreachable");
        let said =
            judge(&docker, &end(1, "ERROR: for web  ('Connection aborted.', x)\nHave you tried it by hand?")).unwrap();
        assert_eq!(
            (said.reason, said.message.as_str()),
            (Reason::EngineUnreachable, "ERROR: for web  ('Connection aborted.', x)")
        );
        assert_eq!(reason(&apply, &end(1, away)), "step_failed", "only Docker's own words about its engine count");
        let timed_out = StepEnd { timed_out: true, ..end(0, "") };
        assert_eq!(reason(&fetch, &timed_out), "timeout");
        assert!(!judge(&apply, &timed_out).unwrap().may_still_run);
    }

    #[test]
    fn a_command_s_own_255_is_not_ssh_s() {
        let remote = step("o@h", "timeout -k 10 60 ssh other", Phase::Fetch);
        let refused = "o@other: Permission denied (publickey).";
        let said = |ssh| StepEnd { ssh, ..end(255, refused) };
        assert_eq!(reason(&remote, &said(Some(""))), "fetch_failed");
        assert_eq!(
            reason(&remote, &said(Some("ssh: connect to host h port 22: Connection refused"))),
            "ssh_unreachable"
        );
        assert_eq!(reason(&remote, &said(None)), "ssh_refused");
        let lost = judge(&remote, &said(Some("Connection to h closed by remote host."))).unwrap();
        assert!(lost.may_still_run && lost.reason.is_node_s());
        assert!(lost.message.contains("closed by remote host"), "{}", lost.message);
    }

    #[test]
    fn the_remote_timeout_counts_only_once_the_time_is_up() {
        let remote = step("o@h", "timeout -k 10 60 sleep 99", Phase::Apply);
        let after = |s| StepEnd { took: Duration::from_secs(s), ..end(124, "") };
        assert_eq!(reason(&remote, &after(59)), "step_failed");
        assert_eq!(reason(&remote, &after(60)), "timeout");
        assert!(judge(&remote, &after(60)).unwrap().may_still_run);
    }

    #[test]
    fn the_message_is_the_last_line_and_harmless() {
        let apply = step("local", "make up", Phase::Apply);
        let failure = judge(&apply, &end(1, "first\n\u{1b}[31mno \u{7}rule\u{1b}[0m\n\n")).unwrap();
        assert_eq!(failure.message, "no \\u{7}rule");
        assert_eq!(judge(&apply, &end(3, " \n")).unwrap().message, "exit code 3");
        let killed = StepEnd { status: Some(ExitStatus::from_raw(9)), ..end(0, "") };
        assert_eq!(judge(&apply, &killed).unwrap().message, "ended by signal 9");
        let lost = judge(&step("o@h", "timeout -k 10 60 make", Phase::Fetch), &killed).unwrap();
        assert_eq!((lost.reason.as_str(), lost.may_still_run), ("ssh_connection_lost", true));
        assert_eq!(plain("\u{1b}["), "");
        assert_eq!(plain(&"ä".repeat(400)).chars().count(), MOST);
    }
}
