//! Random names, paths and recipes, shell and ssh metacharacters among them, from the host files by way of plan,
//! approval and execution to the programs: what these are given is what was planned, byte for byte.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use fastrand::Rng;
use serde_json::Value;

use crate::lab::Lab;
use crate::needs;
use crate::sshd::{FISH, GOOD, NOISY, Sshd};
use crate::words::{folder, name, word, yaml};

/// How many words are compared: a few hundred, ten thousand with `HLCTL_FULL=1`.
fn wanted() -> usize {
    if needs::number("HLCTL_FULL", 0) == 1 { 10_000 } else { 400 }
}

#[test]
fn what_the_host_files_say_is_what_the_programs_get_here() {
    let mut random = Rng::with_seed(11);
    let mut compared = 0;
    while compared < wanted() {
        compared += round(&mut random, None);
    }
}

#[test]
fn what_the_host_files_say_is_what_the_programs_get_over_ssh() {
    let Some(sshd) = Sshd::start() else { return };
    let mut random = Rng::with_seed(12);
    let (mut compared, mut hosts) = (0, [GOOD, FISH, NOISY].into_iter().cycle());
    while compared < wanted() {
        compared += round(&mut random, hosts.next().map(|host| (&sshd, host)));
    }
}

/// What a program was given.
#[derive(Debug, PartialEq, Eq)]
struct Call {
    program: String,
    dir: String,
    words: Vec<String>,
}

/// The two kinds of service: one whose commands the host file gives, one whose files it names.
const KINDS: [&str; 2] = ["recipe", "compose"];

/// Makes a homelab of random words, has all of it deployed, and returns how many words were compared.
fn round(random: &mut Rng, far: Option<(&Sshd, &str)>) -> usize {
    let lab = Lab::new("[]");
    let record = lab.path("record");
    let programs = far.map_or_else(|| lab.path("programs"), |(sshd, _)| sshd.programs());
    for program in ["docker", "git"] {
        recorder(&programs, program, &record);
    }
    let own = lab.path("its own $(folder) 'x'");
    let recorder = recorder(&own, "recorder", &record);
    let connection = far.map_or("connection: local".to_owned(), |(_, host)| format!("ssh: {host}"));
    let mut ids = Vec::new();
    for kind in KINDS {
        let (node, service) = (name(random), name(random));
        let repo = lab.path("repos").join(folder(random));
        std::fs::create_dir_all(&repo).unwrap();
        let repo = if kind == "compose" && random.bool() { format!("~/{}", folder(random)) } else { text(&repo) };
        let settings = if kind == "recipe" { recipe(random, &recorder) } else { compose(random) };
        let service_line = format!(
            "[{{name: {}, check: {{command: [\"true\"]}}, min_healthy: 0s, healthy_deadline: 1s, {settings}}}]",
            yaml(&service)
        );
        lab.host(&node, &format!("{connection}\nrepo: {}", yaml(&repo)), &service_line);
        if kind == "compose" && random.bool() {
            let over = lab.path("hosts").join(&node).join("runtime").join(&service);
            std::fs::create_dir_all(&over).unwrap();
            std::fs::write(over.join("docker-compose.override.yml"), "services: {}\n").unwrap();
        }
        lab.ok(&["request", "redeploy", &node, &service]);
        ids.push(format!("redeploy-{node}-{service}"));
    }
    let mut planned = Vec::new();
    let mut asked = Vec::new();
    for id in &ids {
        let plan = lab.json(&["approve", id])["approved"][0]["plan"].clone();
        planned.push(calls(&lab, &plan["steps"]));
        asked.extend(calls(&lab, &plan["asks"]));
    }
    let search = match far {
        Some((sshd, _)) => sshd.search_path(),
        None => format!("{}:{}", programs.display(), needs::var("PATH").unwrap_or_default()),
    };
    // One after the other, so that no two calls are written down at once.
    let ran = lab.command(&["execute", "--jobs", "1"]).env("PATH", search).output().unwrap();
    // The stand-ins for the engine know no container, which is no health: what they were given is what counts here.
    assert!(matches!(ran.status.code(), Some(0 | 4)), "{ran:?}");
    let got = read(&record);
    let compared = got.iter().map(|call| call.words.len()).sum();
    for steps in &mut planned {
        // Each step once and in order; what is not a step was a question.
        let order: Vec<&Call> = got.iter().filter(|call| steps.iter().any(|step| is_same(step, call))).collect();
        assert_eq!(order.len(), steps.len(), "planned {steps:#?}\ngot {got:#?}");
        assert!(steps.iter().zip(order).all(|(step, call)| is_same(step, call)), "{steps:#?}\n{got:#?}");
    }
    for call in &got {
        let is_known = planned.iter().flatten().chain(&asked).any(|known| is_same(known, call))
            || call.words.last().is_some_and(|word| word == "version");
        assert!(is_known, "nobody planned {call:?}");
    }
    compared
}

/// Returns the commands of a plan's steps or questions, as their programs should see them.
fn calls(lab: &Lab, steps: &Value) -> Vec<Call> {
    let one = |step: &Value| {
        let mut argv: VecDeque<String> =
            step["argv"].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect();
        let mut dir = step["cwd"].as_str().unwrap_or_default().to_owned();
        if step["on"] != "local" {
            assert_eq!(argv.drain(..3).collect::<Vec<_>>(), ["timeout", "-k", "10"]);
            argv.pop_front();
            if argv[0] == "env" {
                argv.pop_front();
                dir = argv.pop_front().unwrap().strip_prefix("--chdir=").unwrap().to_owned();
            }
        }
        let dir = if dir == "~" { text(&lab.path("")).trim_end_matches('/').to_owned() } else { dir };
        let program = argv.pop_front().unwrap().rsplit('/').next().unwrap().to_owned();
        Call { program, dir, words: argv.into() }
    };
    // No image and no service is named by the config that the stand-in does not print.
    let is_open = |word: &Value| *word == "<images>" || *word == "<service>";
    let runs = |step: &&Value| !step["argv"].as_array().unwrap().iter().any(is_open);
    steps.as_array().into_iter().flatten().filter(runs).map(one).collect()
}

/// Returns whether a call is the planned one; where no folder is planned, it may have been made anywhere. What only the
/// node knows stands in a plan by name.
fn is_same(planned: &Call, call: &Call) -> bool {
    let word = |(planned, got): (&String, &String)| planned.replace("<compose-file>", "docker-compose.yml") == *got;
    planned.program == call.program
        && (planned.dir.is_empty() || planned.dir == call.dir)
        && planned.words.len() == call.words.len()
        && planned.words.iter().zip(&call.words).all(word)
}

fn recipe(random: &mut Rng, recorder: &Path) -> String {
    let mut step = || {
        let words = (0..50).map(|_| yaml(&word(random)));
        let argv: Vec<String> = std::iter::once(yaml(&text(recorder))).chain(words).collect();
        format!("[{}]", argv.join(", "))
    };
    format!("runtime: command, recipes: {{redeploy: [{}, {}]}}", step(), step())
}

fn compose(random: &mut Rng) -> String {
    let file = if random.bool() { "/compose.yml" } else { "" };
    let path = format!("a/{}/{}{file}", folder(random), folder(random));
    let names = |random: &mut Rng| format!("[{}, {}]", yaml(&name(random)), yaml(&(name(random) + "x")));
    format!(
        "compose: {}, project: {}, profiles: {}, containers: {}",
        yaml(&path),
        yaml(&name(random)),
        names(random),
        names(random)
    )
}

/// Makes a program that writes down what it is given.
fn recorder(folder: &Path, program: &str, record: &Path) -> PathBuf {
    std::fs::create_dir_all(folder).unwrap();
    let path = folder.join(program);
    let text = format!("#!/bin/sh\nprintf '%s\\0' {program} \"$PWD\" \"$#\" \"$@\" >>{}\n", record.display());
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    path
}

fn read(record: &Path) -> Vec<Call> {
    let bytes = std::fs::read(record).unwrap();
    let mut parts = bytes.strip_suffix(b"\0").unwrap().split(|b| *b == 0).map(|part| str::from_utf8(part).unwrap());
    let mut calls = Vec::new();
    while let Some(program) = parts.next() {
        let dir = parts.next().unwrap().to_owned();
        let count = parts.next().unwrap().parse().unwrap();
        let words: Vec<String> = parts.by_ref().take(count).map(str::to_owned).collect();
        assert_eq!(words.len(), count);
        calls.push(Call { program: program.to_owned(), dir, words });
    }
    calls
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
