//! Runs the steps of a plan, one after the other, until one fails. Each passes the gate; each name in it is filled in
//! just before.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, PipeWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::before::{Before, COMMIT};
use super::known::{Asker, Filling, USUAL_FILE};
use super::log::Log;
use super::verdict::{Failure, Reason, StepEnd, judge, last_line, plain};
use super::{Compose, Group, Job, Node, compose, gate};
use crate::flow::action::Outcome;
use crate::flow::engine;
use crate::flow::hostfile::on_this_machine;
use crate::flow::mask::mask;
use crate::flow::plan::{KILL_AFTER_S, Phase, Plan, Step, What, name};
use crate::flow::ssh;
use crate::process::{Answer, Child, Leader};

/// How long this program may take to start again as the gate, on a slow and busy machine.
const GATE: Duration = Duration::from_secs(30);

/// How much later than the remote `timeout` ssh itself is ended: whoever acts first knows more about what happened.
const REMOTE_GRACE: Duration = Duration::from_secs(5);

/// Runs the steps of a plan and keeps what is learnt on the way.
pub struct Steps<'a, 'j> {
    /// What the execution needs.
    pub job: &'a mut Job<'j>,
    /// What is asked on the node.
    pub asker: Asker<'a>,
    /// What was there before.
    pub before: Before,
    /// Where the output goes.
    pub log: &'a mut Log,
    /// The record.
    pub outcome: &'a mut Outcome,
    /// The rendered Compose config, once a step needed it.
    pub config: Option<String>,
}

impl Steps<'_, '_> {
    /// Runs those steps of a plan that are meant, in order, until one fails. Returns its number, too.
    pub fn run(&mut self, plan: &Plan, is_meant: impl Fn(&Step) -> bool) -> Result<(), (usize, Failure)> {
        for (number, step) in (1..).zip(&plan.steps).filter(|(_, step)| is_meant(step)) {
            self.run_one(plan, number, step).map_err(|failure| (number, failure))?;
        }
        Ok(())
    }

    fn run_one(&mut self, plan: &Plan, number: usize, step: &Step) -> Result<(), Failure> {
        for words in self.filled(step)? {
            self.run_words(number, step, &words)?;
        }
        if step.fetches_commit() { self.note_commit(plan) } else { Ok(()) }
    }

    /// Returns a step's commands, after asking for what it names and is not known yet.
    fn filled(&mut self, step: &Step) -> Result<Vec<Vec<String>>, Failure> {
        let unknown = |why: &str| {
            let reason = if step.phase == Phase::Fetch { Reason::FetchFailed } else { Reason::StepFailed };
            Failure::new(reason, why)
        };
        let needs_config = step.names(name::IMAGES) || (step.compose && step.names(name::SERVICE));
        if needs_config && self.config.is_none() {
            self.config = self.asker.answer(What::Config);
            // A config that is wrong the build puts into better words.
            if self.config.is_none() && !step.may_fail {
                return Err(unknown("the project's config could not be rendered"));
            }
        }
        if step.phase == Phase::Fetch && step.names(name::IMAGE_BEFORE) && self.before.ran.is_none() {
            // Compose had no answer for a project that only came with the repository, or that it could not read.
            self.ask_before(self.before.commit.clone());
            if self.before.ran.is_none() {
                return Err(unknown("what runs could not be asked for, so that it could not be restored"));
            }
        }
        if step.names(name::COMPOSE_FILE) {
            // Where nobody answers the usual name stands for it: that is the one which Compose then does not find.
            let found = self.asker.compose_file().map(str::to_owned);
            let known = self.outcome.facts.entry("compose_file".into()).or_insert_with(|| USUAL_FILE.into());
            *known = found.unwrap_or_else(|| known.clone());
        }
        let added = if step.names(name::CONTAINER_ADDED) { self.added() } else { Vec::new() };
        let compose_file = self.outcome.facts.get("compose_file").map(String::as_str);
        let with = Filling { before: &self.before, config: self.config.as_deref(), compose_file, added: &added };
        self.asker.fill(step, with).map_err(|why| unknown(&why))
    }

    /// Asks what runs, and notes it with the commit that the repository was at as what there is to go back to.
    pub fn ask_before(&mut self, commit: Option<String>) {
        let now = Before { commit, ran: self.asker.ran(), is_resumed: false };
        self.before = now.or_before(self.job.unfinished.as_ref());
        self.outcome.facts.extend(self.before.facts());
    }

    /// Notes the commit that is deployed, and finds out whether it is the approved one: the repository may have been
    /// beyond that already.
    fn note_commit(&mut self, plan: &Plan) -> Result<(), Failure> {
        let now = self.asker.commit();
        if now.is_none() && plan.restores() {
            self.outcome.facts.remove(COMMIT);
            return Err(Failure::new(Reason::FetchFailed, "the repository's new commit could not be asked for"));
        }
        let now = now.unwrap_or_default();
        if !now.is_empty() {
            self.outcome.facts.insert(COMMIT.into(), now.clone());
        }
        let Some(commit) = plan.commit.as_ref().filter(|commit| commit.as_str() != now) else { return Ok(()) };
        let message = format!("the repository is at {now:?}, not at the approved {}", commit.short());
        Err(Failure::new(Reason::FetchFailed, message))
    }

    fn run_words(&mut self, number: usize, step: &Step, words: &[String]) -> Result<(), Failure> {
        let result = Run { step, number, words, log: self.log }.run(self.job, &self.outcome.facts);
        self.outcome.exit_code = match &result {
            Ok(()) => Some(0),
            Err(failure) => failure.exit_code,
        };
        match result {
            Err(failure) if step.may_fail && !failure.reason.is_node_s() => self.go_without(step, words, failure),
            Ok(()) => {
                self.count_freed();
                Ok(())
            }
            Err(failure) => Err(failure),
        }
    }

    /// Adds what a clean-up says that it freed.
    fn count_freed(&mut self) {
        if let Some(freed) = engine::freed(&self.log.recent()) {
            let facts = &mut self.outcome.facts;
            let before: u64 = facts.get("freed_bytes").and_then(|n| n.parse().ok()).unwrap_or(0);
            facts.insert("freed_bytes".into(), (before + freed).to_string());
        }
    }
}

impl Node {
    /// Returns the compose command that a plan needs, asking the node for it the first time.
    pub fn compose_for(&mut self, plan: &Plan) -> Result<Option<Compose>, (usize, Failure)> {
        let Some(at) = plan.steps.iter().position(|s| s.compose) else { return Ok(self.compose) };
        let on = &plan.steps[at].on;
        let found = match self.compose {
            Some(known) => known,
            None => *self.compose.insert(Compose::find(on).map_err(|failure| (at + 1, failure))?),
        };
        if let Some(up) = plan.steps.iter().position(recreates) {
            let fits = *self.recreates.get_or_insert_with(|| found.can_recreate(on));
            if !fits {
                return Err((up + 1, Failure::new(Reason::ComposeTooOld, compose::TOO_OLD)));
            }
        }
        Ok(Some(found))
    }
}

fn recreates(step: &Step) -> bool {
    step.compose && step.argv.iter().any(|word| word == "--force-recreate")
}

/// Returns a step's words with the node's compose command in them.
pub fn plain_words(step: &Step, compose: Option<Compose>) -> Vec<String> {
    match compose {
        Some(compose) if step.compose => compose.fill_in(step),
        _ => step.argv.clone(),
    }
}

/// Returns a working directory on this machine; `~`, and what is relative, lie in the user's home.
pub fn home_dir(cwd: Option<&str>, home: Option<&Path>) -> Result<Option<PathBuf>, Failure> {
    let Some(cwd) = cwd else { return Ok(None) };
    let dir = on_this_machine(cwd, home)
        .ok_or_else(|| not_started(format!("{cwd} lies in a home that is not known: set HOME")))?;
    if dir.is_dir() { Ok(Some(dir)) } else { Err(not_started(format!("there is no folder {}", dir.display()))) }
}

/// One step on its way.
struct Run<'a> {
    step: &'a Step,
    number: usize,
    words: &'a [String],
    log: &'a mut Log,
}

impl Run<'_> {
    fn run(self, job: &mut Job<'_>, facts: &BTreeMap<String, String>) -> Result<(), Failure> {
        self.log.begin_step(&self.header(job.secrets));
        let ssh_log = SshLog::new(job, self.number);
        let argv = self.argv(&ssh_log.path).map_err(|e| not_started(e.to_string()))?;
        let dir = home_dir(self.step.cwd.as_deref(), job.home)?;
        let (child, gate) = self.start_gate(job.gate, argv, dir.as_deref())?;
        let group = Group::of(child.pid(), self.number).and_then(|group| (job.record)(&group, facts));
        if let Err(error) = group {
            drop(gate);
            let _ = child.wait(GATE, GATE, &mut |_| ());
            return Err(not_started(format!("its process group could not be recorded: {error}")));
        }
        open(gate).map_err(|e| not_started(format!("the gate was gone: {e}")))?;
        let began = Instant::now();
        let (limit, log) = (self.limit(), &mut *self.log);
        let ended = child.wait(limit, Duration::from_secs(KILL_AFTER_S), &mut |bytes| log.output(bytes));
        log.flush();
        let ended =
            ended.map_err(|e| Failure::new(Reason::StepFailed, format!("its end could not be waited for: {e}")))?;
        let said = ssh_log.read();
        let end = StepEnd {
            status: ended.status,
            timed_out: ended.timed_out,
            took: began.elapsed(),
            output: &self.log.recent(),
            ssh: said.as_deref(),
        };
        let Some(failure) = judge(self.step, &end) else { return Ok(()) };
        let failure = failure.or_engine_s(self.step, || compose::is_engine_away(&self.step.on));
        for line in said.iter().flat_map(|words| words.lines()) {
            self.log.line(&format!("ssh: {line}"));
        }
        Err(failure)
    }

    /// Returns the line that the log shows before the output.
    fn header(&self, secrets: &[String]) -> String {
        // Masked before they are quoted: a quoted secret is written otherwise.
        let words: Vec<String> = self.words.iter().map(|word| mask(word, secrets)).collect();
        let on = if self.step.is_remote() { self.step.on.as_str() } else { "" };
        // A word that no shell can be given has no place in a plan, but a log shows what it is given.
        format!("{on}$ {}", ssh::quote(&words).unwrap_or_else(|_| words.join(" ")))
    }

    fn argv(&self, ssh_log: &Path) -> Result<Vec<OsString>, ssh::NotQuotable> {
        if self.step.is_remote() {
            return ssh::command(&self.step.on, self.words, Some(ssh_log));
        }
        Ok(self.words.iter().map(OsString::from).collect())
    }

    /// Returns how long the step may take, as seen from here.
    fn limit(&self) -> Duration {
        let limit = Duration::from_secs(self.step.timeout_s);
        if self.step.is_remote() { limit + REMOTE_GRACE } else { limit }
    }

    /// Starts the gate and waits until it leads its session.
    fn start_gate(&self, gate: &Path, argv: Vec<OsString>, dir: Option<&Path>) -> Result<(Child, PipeWriter), Failure> {
        let start = || {
            let (waiting, opening) = io::pipe()?;
            let mut child = Child::start(&gate::command(gate, argv), dir, Some(waiting), Leader::Itself)?;
            let ready = child.first_byte(GATE)?;
            Ok((child, opening, ready))
        };
        let (child, opening, ready) =
            start().map_err(|e: io::Error| not_started(format!("{}: {e}", gate.display())))?;
        if ready == Some(gate::READY) {
            return Ok((child, opening));
        }
        drop(opening);
        let mut said: Vec<u8> = ready.into_iter().collect();
        let _ = child.wait(Duration::ZERO, Duration::from_secs(1), &mut |bytes| {
            crate::process::keep_last(&mut said, bytes, Answer::MAX);
        });
        let said = String::from_utf8_lossy(&said);
        let said = last_line(&said).map_or("it said nothing".into(), plain);
        Err(not_started(format!("{} is no gate: {said}", gate.display())))
    }
}

fn not_started(message: String) -> Failure {
    Failure::new(Reason::NotStarted, message)
}

fn open(mut gate: PipeWriter) -> io::Result<()> {
    gate.write_all(&[gate::GO])
}

/// Where ssh writes its own words, so that they are not mistaken for the command's. An ssh that knows no such file
/// leaves none.
struct SshLog {
    path: PathBuf,
}

impl SshLog {
    fn new(job: &Job<'_>, number: usize) -> SshLog {
        SshLog { path: job.logs.join(format!(".{}.{number}.ssh", job.started.file_name())) }
    }

    fn read(&self) -> Option<String> {
        let mut words = Vec::new();
        let file = std::fs::File::open(&self.path).ok()?;
        file.take(Answer::MAX as u64).read_to_end(&mut words).ok()?;
        Some(String::from_utf8_lossy(&words).into_owned())
    }
}

impl Drop for SshLog {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
