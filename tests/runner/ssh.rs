//! Steps over a real sshd on loopback: what arrives, and how each way of failing is told apart.

use std::time::{Duration, Instant};

use hlctl::flow::plan::{Phase, Step};

use crate::sshd::{CHANGED, FISH, GOOD, NOISY, REFUSED, SHARED, Sshd, UNKNOWN, UNREACHABLE};
use crate::support::{Bench, local, message, plan, reason, run_ignored};

#[test]
fn steps_over_a_real_sshd() {
    let Some(sshd) = Sshd::start() else { return };
    run_ignored("ssh::over_sshd::", &sshd.bin(), &[]);
}

fn remote(on: &str, words: &[&str]) -> Step {
    let wrapped = [&["timeout", "-k", "10", "60"], words].concat();
    Step { on: on.into(), ..local(&wrapped) }
}

mod over_sshd {
    use super::*;

    #[test]
    #[ignore = "run by steps_over_a_real_sshd"]
    fn words_arrive_whatever_the_login_shell() {
        let words = [
            "a b", "$(id)", "`id`", "'", "\"", "\\", "\\'", "*", "~", "!x", "^", "{a,b}", "a\nb", "ä", "", "-x", ";",
            "$HOME",
        ];
        for shell in [GOOD, FISH, NOISY, SHARED] {
            let mut bench = Bench::default();
            let ran = bench.run(&plan(&[remote(shell, &[&["printf", "<%s>"], &words[..]].concat())]));
            assert!(ran.is_success, "{shell}: {ran:?} {}", bench.log());
            let expected: String = words.iter().map(|w| format!("<{w}>")).collect();
            assert!(bench.log().ends_with(&expected), "{shell}: {}", bench.log());
            assert!(bench.log().starts_with(&format!("{shell}$ timeout -k 10 60 printf ")), "{}", bench.log());
        }
    }

    #[test]
    #[ignore = "run by steps_over_a_real_sshd"]
    fn each_kind_of_trouble_has_its_reason() {
        for (host, expected) in [
            (UNREACHABLE, "ssh_unreachable"),
            (REFUSED, "ssh_refused"),
            (CHANGED, "ssh_host_key"),
            (UNKNOWN, "ssh_host_key"),
        ] {
            let mut bench = Bench::default();
            let fetch = Step { phase: Phase::Fetch, ..remote(host, &["true"]) };
            let ran = bench.run(&plan(&[fetch]));
            assert_eq!(
                (reason(&ran), ran.outcome.exit_code, ran.node_unavailable),
                (expected, Some(255), true),
                "{host}: {ran:?}"
            );
            assert!(message(&ran).starts_with(&format!("ssh to {host}: ")), "{}", message(&ran));
            assert!(ran.outcome.hints.is_empty(), "{ran:?}");
            assert!(bench.log().contains("\nssh: "), "{}", bench.log());
            let left = std::fs::read_dir(bench.dir.path()).unwrap().count();
            assert_eq!(left, 1, "only the log is left");
        }
    }

    #[test]
    #[ignore = "run by steps_over_a_real_sshd"]
    fn a_command_that_itself_ends_with_255_is_not_ssh_s_trouble() {
        let mut bench = Bench::default();
        let text = "echo 'o@other: Permission denied (publickey).' >&2; exit 255";
        let ran = bench.run(&plan(&[remote(GOOD, &["sh", "-c", text])]));
        assert_eq!((reason(&ran), ran.node_unavailable), ("step_failed", false), "{ran:?}");
    }

    #[test]
    #[ignore = "run by steps_over_a_real_sshd"]
    fn a_connection_cut_in_the_middle_may_have_left_the_command_running() {
        let cut = "pid=$$; while [ \"$(cat /proc/$pid/comm)\" != sshd ]; do pid=$(cut -d' ' -f4 /proc/$pid/stat); done; kill -9 $pid; sleep 5";
        let mut bench = Bench::default();
        let ran = bench.run(&plan(&[remote(GOOD, &["sh", "-c", cut])]));
        assert_eq!((reason(&ran), ran.node_unavailable), ("ssh_connection_lost", true), "{ran:?} {}", bench.log());
        assert_eq!(ran.outcome.hints, ["may_still_run"]);
    }

    #[test]
    #[ignore = "run by steps_over_a_real_sshd"]
    fn the_remote_timeout_ends_the_command_and_is_told_as_one() {
        let mut bench = Bench::default();
        let started = Instant::now();
        let step =
            Step { timeout_s: 1, ..Step { on: GOOD.into(), ..local(&["timeout", "-k", "10", "1", "sleep", "30"]) } };
        let ran = bench.run(&plan(&[step]));
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        assert_eq!((reason(&ran), ran.outcome.exit_code), ("timeout", Some(124)));
        assert_eq!(ran.outcome.hints, ["may_still_run"]);
    }

    #[test]
    #[ignore = "run by steps_over_a_real_sshd"]
    fn an_ssh_that_hangs_is_ended_from_here() {
        let mut bench = Bench::default();
        let step = Step { timeout_s: 1, ..remote(GOOD, &["sleep", "30"]) };
        let ran = bench.run(&plan(&[step]));
        assert_eq!((reason(&ran), ran.outcome.hints.len()), ("timeout", 1), "{ran:?}");
    }

    #[test]
    #[ignore = "run by steps_over_a_real_sshd"]
    fn programs_and_folders_that_the_node_lacks_are_named() {
        let mut bench = Bench::default();
        let ran = bench.run(&plan(&[remote(GOOD, &["no-such-program"])]));
        assert_eq!(reason(&ran), "program_missing");
        assert!(message(&ran).contains("no-such-program"), "{}", message(&ran));
        let ran = bench.run(&plan(&[remote(GOOD, &["env", "--chdir=no such folder", "true"])]));
        assert!(message(&ran).contains("no such folder"), "{}", message(&ran));
    }

    #[test]
    #[ignore = "run by steps_over_a_real_sshd"]
    fn a_node_that_cannot_be_asked_for_its_compose_command_is_not_without_one() {
        let mut bench = Bench::default();
        let compose = Step { compose: true, ..remote(UNREACHABLE, &["docker", "compose", "up"]) };
        let ran = bench.run(&plan(&[compose]));
        assert_eq!(
            (reason(&ran), ran.outcome.failed_step, ran.node_unavailable),
            ("ssh_unreachable", Some(1), true),
            "{ran:?}"
        );
    }
}
