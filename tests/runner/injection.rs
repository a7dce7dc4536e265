//! Ten thousand random words, shell and ssh metacharacters among them: what arrives is what was planned, byte for byte.
//! (`tests/execute/injection.rs` goes the whole way from the host files.)

use std::path::Path;

use crate::sshd::{FISH, GOOD, NOISY, Sshd};
use crate::support::{Bench, argv, local, plan, run_ignored, script};
use crate::words::word;
use hlctl::flow::plan::Step;

/// Runs steps of a hundred words each and compares what a recorder at the other end got.
fn arrives(step: impl Fn(&[&str]) -> Step, steps: usize) {
    let mut bench = Bench::default();
    let (recorder, record) = (bench.path("a recorder"), bench.path("record"));
    script(&recorder, &format!("#!/bin/sh\nfor word; do printf '%s\\0' \"$word\"; done >>{}\n", record.display()));
    let mut random = fastrand::Rng::with_seed(7);
    let mut planned = Vec::new();
    for _ in 0..steps {
        let words: Vec<String> = (0..100).map(|_| word(&mut random)).collect();
        let all: Vec<&str> = std::iter::once(path(&recorder)).chain(words.iter().map(String::as_str)).collect();
        let ran = bench.run(&plan(&[step(&all)]));
        assert!(ran.is_success, "{ran:?}");
        planned.extend(words);
    }
    let bytes = std::fs::read(record).unwrap();
    let got: Vec<&[u8]> = bytes.strip_suffix(b"\0").unwrap().split(|b| *b == 0).collect();
    assert_eq!(got.len(), planned.len());
    for (got, planned) in got.into_iter().zip(&planned) {
        assert_eq!(got, planned.as_bytes());
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn words_arrive_as_they_were_planned_here() {
    arrives(local, 100);
}

#[test]
fn words_arrive_as_they_were_planned_over_ssh() {
    let Some(sshd) = Sshd::start() else { return };
    run_ignored("inner_words_over_ssh", &sshd.bin(), &[]);
}

#[test]
#[ignore = "run by words_arrive_as_they_were_planned_over_ssh"]
fn inner_words_over_ssh() {
    for (host, steps) in [(GOOD, 80), (FISH, 10), (NOISY, 10)] {
        arrives(
            |words| Step {
                on: host.into(),
                argv: argv(&[&["timeout", "-k", "10", "60"], words].concat()),
                ..local(&[])
            },
            steps,
        );
    }
}
