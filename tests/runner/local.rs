//! Plans run as real processes: the gate, time-outs of whole groups, output of any size, and what is left behind.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Bench, GATE, local, message, plan, reason, run_ignored, script, verify};
use hlctl::flow::health::Health;
use hlctl::flow::plan::{Phase, Step};
use hlctl::runner::{Group, Reaped};

fn sh(text: &str) -> Step {
    local(&["sh", "-c", text])
}

#[test]
fn steps_run_in_order_until_one_fails() {
    let mut bench = Bench::default();
    let ran = bench.run(&plan(&[sh("echo one"), sh("echo two >&2; exit 3"), sh("echo three")]));
    assert!(!ran.is_success && !ran.node_unavailable);
    assert_eq!(
        (ran.outcome.exit_code, ran.outcome.failed_step, reason(&ran), message(&ran)),
        (Some(3), Some(2), "step_failed", "two")
    );
    let log = bench.log();
    assert_eq!(log, "$ sh -c 'echo one'\none\n$ sh -c 'echo two >&2; exit 3'\ntwo\nhlctl: step_failed: two\n");
    assert_eq!(bench.recorded.iter().map(|g| g.step).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_plan_that_ends_well_says_that_nothing_verified_it() {
    let mut bench = Bench::default();
    let ran = bench.run(&plan(&[sh("true")]));
    assert!(ran.is_success, "{ran:?}");
    assert_eq!((ran.outcome.exit_code, ran.outcome.failed_step, ran.outcome.reason.as_deref()), (Some(0), None, None));
    assert!(message(&ran).contains("no check"), "{}", message(&ran));
    assert!(ran.health.is_none());
}

#[test]
fn no_shell_stands_between_and_stdin_is_empty() {
    let mut bench = Bench::default();
    bench.run(&plan(&[local(&["printf", "<%s>", "a b", "$(id)", "*", "'\"\\", ""]), local(&["cat"])]));
    let log = bench.log();
    assert!(log.contains("<a b><$(id)><*><'\"\\><>\n"), "{log}");
}

#[test]
fn the_working_directory_is_below_the_home_or_missing_with_its_name() {
    let mut bench = Bench::default();
    std::fs::create_dir(bench.path("lab")).unwrap();
    let home = bench.dir.path().canonicalize().unwrap().display().to_string();
    for (cwd, expected) in
        [("~", home.clone()), ("~/lab", format!("{home}/lab")), ("lab", format!("{home}/lab")), ("/", "/".into())]
    {
        let ran = bench.run(&plan(&[Step { cwd: Some(cwd.into()), ..local(&["pwd", "-P"]) }]));
        assert!(ran.is_success, "{ran:?}");
        assert!(bench.log().ends_with(&format!("$ pwd -P\n{expected}\n")), "{cwd}: {}", bench.log());
    }
    let ran = bench.run(&plan(&[Step { cwd: Some("~/gone".into()), ..local(&["true"]) }]));
    assert_eq!(reason(&ran), "not_started");
    assert!(message(&ran).contains("gone"), "{}", message(&ran));
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let mut bench = Bench::default();
    let ran = bench.run(&plan(&[local(&["no-such-program", "x"])]));
    assert_eq!((reason(&ran), ran.outcome.exit_code), ("program_missing", Some(127)));
    assert!(message(&ran).contains("cannot run no-such-program: No such file"), "{}", message(&ran));
    let ran = bench.run(&plan(&[local(&["/etc/passwd"])]));
    assert_eq!((reason(&ran), ran.outcome.exit_code), ("program_missing", Some(126)));
    let fetch = Step { phase: Phase::Fetch, ..local(&["no-such-program"]) };
    assert_eq!(reason(&bench.run(&plan(&[fetch]))), "fetch_failed");
}

#[test]
fn the_gate_runs_nothing_when_whoever_started_it_died() {
    let bench = Bench::default();
    let mark = bench.path("ran");
    let gate = |bytes: &[u8]| {
        let mut child = Command::new(GATE)
            .args(["step-gate", "--", "touch"])
            .arg(&mark)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(bytes).unwrap();
        child.wait().unwrap().code()
    };
    assert_eq!(gate(b""), Some(125));
    assert!(!mark.exists());
    assert_eq!(gate(b"\n"), Some(0));
    assert!(mark.exists());
}

#[test]
fn a_group_that_cannot_be_recorded_never_runs() {
    let mut bench = Bench::default();
    let mark = bench.path("ran").display().to_string();
    let ran = bench.run_with(&plan(&[local(&["touch", &mark])]), None, |_| Err(std::io::Error::other("disk full")));
    assert_eq!(reason(&ran), "not_started");
    assert!(message(&ran).contains("disk full"), "{}", message(&ran));
    assert!(!bench.path("ran").exists());
}

#[test]
fn a_group_is_recorded_before_the_step_runs_and_is_the_step_s() {
    let mut bench = Bench::default();
    let mark = bench.path("ran");
    let step = sh(&format!("touch {}; cut -d' ' -f1,5,6 /proc/$$/stat; echo $$", mark.display()));
    let ran = bench.run_with(&plan(&[step]), None, |_| {
        std::thread::sleep(Duration::from_millis(50));
        assert!(!mark.exists(), "the step ran before it was recorded");
        Ok(())
    });
    assert!(ran.is_success, "{ran:?}");
    let group = &bench.recorded[0];
    let log = bench.log();
    let last = log.lines().last().unwrap();
    assert_eq!(last, group.pgid.to_string(), "{log}");
    let fields: Vec<&str> = log.lines().nth_back(1).unwrap().split(' ').collect();
    assert_eq!(fields[1..3], [last, last], "the step leads neither group nor session: {log}");
}

#[test]
fn a_time_out_ends_the_whole_group() {
    let mut bench = Bench::default();
    let started = Instant::now();
    let ran = bench.run(&plan(&[Step { timeout_s: 1, ..sh("sleep 60 & echo $!; sleep 60") }]));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!((reason(&ran), ran.outcome.exit_code), ("timeout", None));
    assert!(ran.outcome.hints.is_empty(), "nothing may still run here: {ran:?}");
    assert!(is_gone(&bench, 1), "{}", bench.log());
}

#[test]
fn what_ignores_sigterm_is_killed_ten_seconds_later() {
    let mut bench = Bench::default();
    let started = Instant::now();
    // The leader ends at once; the one that stays behind ignores the signal.
    let ran = bench.run(&plan(&[Step { timeout_s: 1, ..sh("(trap '' TERM; sleep 60 & wait) & echo $!; wait") }]));
    let took = started.elapsed();
    assert!((Duration::from_secs(11)..Duration::from_secs(15)).contains(&took), "{took:?}");
    assert_eq!(reason(&ran), "timeout");
    assert!(is_gone(&bench, 1), "{}", bench.log());
}

/// Returns whether the process whose ID is in the log's line has ended.
fn is_gone(bench: &Bench, line: usize) -> bool {
    let log = bench.log();
    let pid = log.lines().nth(line).unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.map_or(true, |s| s.contains(") Z "))
}

#[test]
fn a_daemon_that_keeps_the_output_open_is_not_waited_for() {
    let mut bench = Bench::default();
    let started = Instant::now();
    let ran = bench.run(&plan(&[sh("sleep 30 & echo done"), sh("echo next")]));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert!(ran.is_success, "{ran:?}");
    assert!(bench.log().ends_with("done\n$ sh -c 'echo next'\nnext\n"), "{}", bench.log());
    let group = &bench.recorded[0];
    assert_eq!(group.reap(Duration::from_secs(10)).unwrap(), Reaped::Ended, "the daemon was still in the step's group");
    assert_eq!(group.reap(Duration::from_secs(10)).unwrap(), Reaped::Gone);
}

#[test]
fn what_a_dead_executor_left_is_ended_and_strangers_are_not() {
    let mut bench = Bench::default();
    let text = "trap '' TERM; sleep 30 >/dev/null 2>&1 & exit 0";
    bench.run(&plan(&[sh(text)]));
    let group = bench.recorded[0].clone();
    let stranger = Group { started_at: group.started_at, boot: "another boot".into(), ..group.clone() };
    assert_eq!(stranger.reap(Duration::from_secs(1)).unwrap(), Reaped::Gone);
    assert_eq!(group.reap(Duration::from_millis(200)).unwrap(), Reaped::Killed);
    assert_eq!(group.reap(Duration::from_millis(200)).unwrap(), Reaped::Gone);
}

#[test]
fn secrets_never_reach_the_log_or_the_message() {
    let mut bench = Bench { secrets: vec!["hunter22".into(), "short".into()], ..Bench::default() };
    let ran = bench.run(&plan(&[sh("printf hunt; sleep 0.2; echo er22 short; echo last hunter22 >&2; exit 1")]));
    let log = bench.log();
    assert!(!log.contains("hunter22"), "{log}");
    assert!(log.contains("*** short") && log.starts_with("$ sh -c 'printf hunt"), "{log}");
    assert_eq!(message(&ran), "last ***");
}

#[test]
fn an_output_of_64_mib_is_kept_at_both_ends_only() {
    let mut bench = Bench { secrets: vec!["hunter22".into()], ..Bench::default() };
    let ran = bench.run(&plan(&[sh("echo first; yes 0123456789 | head -c 67108864; echo last")]));
    assert!(ran.is_success, "{ran:?}");
    let size: u64 = std::fs::read_dir(bench.dir.path()).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
    assert!((3 << 20..=4 << 20).contains(&size), "{size}");
    let log = bench.log();
    assert!(log.contains("\nfirst\n") && log.ends_with("last\n"));
    assert!(log.contains(" bytes left out]\n"));
}

#[test]
fn health_is_waited_for_and_what_was_seen_is_told() {
    let mut bench = Bench::default();
    let with_check = hlctl::flow::plan::Plan { verify: verify(1, 30), ..plan(&[sh("true")]) };
    let mut looks = 0;
    let ran = bench.run_with(
        &with_check,
        Some(&mut || {
            looks += 1;
            if looks < 3 { Health::failed("connection refused") } else { Health::Healthy }
        }),
        |_| Ok(()),
    );
    assert!(ran.is_success, "{ran:?}");
    assert_eq!(ran.health, Some(Health::Healthy));
    assert_eq!(ran.outcome.facts["verified"], "healthy for 1 s, 2 s after the last step");
    assert!(
        bench.log().contains("hlctl: after 0 s: unhealthy (check_failed): connection refused\n"),
        "{}",
        bench.log()
    );
}

#[test]
fn health_that_does_not_come_is_a_failure_without_a_failed_step() {
    let mut bench = Bench::default();
    let with_check = hlctl::flow::plan::Plan { verify: verify(1, 1), ..plan(&[sh("true")]) };
    let ran = bench.run_with(&with_check, Some(&mut || Health::failed("no")), |_| Ok(()));
    assert_eq!((reason(&ran), ran.outcome.failed_step, ran.outcome.exit_code), ("not_healthy_after", None, Some(0)));
    assert!(message(&ran).ends_with("last seen unhealthy (check_failed): no"), "{}", message(&ran));
    assert_eq!(ran.health, Some(Health::failed("no")));
}

fn compose_plan() -> hlctl::flow::plan::Plan {
    let step = local(&["docker", "compose", "--project-directory", "web", "up", "-d"]);
    plan(&[Step { compose: true, ..step.clone() }, Step { compose: true, ..step }])
}

#[test]
fn whichever_compose_command_answers_is_used() {
    let bin = tempfile::tempdir().unwrap();
    let log = bin.path().join("calls");
    let variables = [("CALLS", log.to_str().unwrap())];
    let recorder =
        "#!/bin/sh\necho \"$(basename \"$0\") $(pwd -P | sed 's,.*/,,') $COMPOSE_HTTP_TIMEOUT $*\" >>\"$CALLS\"\n";
    script(&bin.path().join("docker-compose"), recorder);
    script(&bin.path().join("docker"), "#!/bin/sh\necho \"docker: 'compose' is not a docker command.\" >&2; exit 1\n");
    run_ignored("inner_compose_standalone", bin.path(), &variables);
    script(&bin.path().join("docker"), recorder);
    run_ignored("inner_compose_plugin", bin.path(), &variables);
    for name in ["docker", "docker-compose"] {
        script(&bin.path().join(name), "#!/bin/sh\nexit 1\n");
    }
    run_ignored("inner_compose_none", bin.path(), &variables);
    let away = "#!/bin/sh\n[ \"$2\" = version ] || { echo 'Cannot connect to the Docker daemon at unix:///x.' >&2; exit 1; }\n";
    script(&bin.path().join("docker"), away);
    run_ignored("inner_engine_away", bin.path(), &variables);
}

#[test]
#[ignore = "run by whichever_compose_command_answers_is_used"]
fn inner_compose_standalone() {
    let mut bench = Bench::default();
    std::fs::create_dir(bench.path("web")).unwrap();
    let steps = compose_plan().steps.into_iter().map(|s| Step { cwd: Some("~".into()), ..s }).collect::<Vec<_>>();
    let ran = bench.run(&plan(&steps));
    assert!(ran.is_success, "{ran:?}");
    assert_eq!(ran.outcome.facts["compose"], "docker-compose");
    let calls = std::fs::read_to_string(crate::needs::var("CALLS").unwrap()).unwrap();
    let calls: Vec<&str> = calls.lines().collect();
    assert_eq!(calls.len(), 3, "asked once: {calls:?}");
    assert!(calls[0].ends_with(" version"), "{calls:?}");
    assert_eq!(calls[1..], ["docker-compose web 60 up -d"; 2]);
}

#[test]
fn a_compose_that_cannot_recreate_on_its_engine_is_noticed_before_anything_is_disturbed() {
    let bin = tempfile::tempdir().unwrap();
    let log = bin.path().join("calls");
    let engine = |version: &str| format!("#!/bin/sh\n[ \"$1\" = version ] && echo {version}\n[ \"$1\" = version ]\n");
    script(
        &bin.path().join("docker-compose"),
        "#!/bin/sh\n[ \"$1\" = version ] && echo 1.29.2 || echo \"$*\" >>\"$CALLS\"\n",
    );
    for (version, expected) in [("25.0.3", "compose_too_old"), ("24.0.9", "")] {
        script(&bin.path().join("docker"), &engine(version));
        run_ignored("inner_recreate", bin.path(), &[("CALLS", log.to_str().unwrap()), ("EXPECTED", expected)]);
        assert_eq!(log.exists(), expected.is_empty(), "{version}");
    }
}

#[test]
#[ignore = "run by a_compose_that_cannot_recreate_on_its_engine_is_noticed_before_anything_is_disturbed"]
fn inner_recreate() {
    let mut bench = Bench::default();
    let up = local(&["docker", "compose", "--project-directory", "/", "up", "-d", "--build", "--force-recreate"]);
    let ran = bench.run(&plan(&[Step { compose: true, ..up }]));
    assert_eq!(reason(&ran), crate::needs::var("EXPECTED").unwrap_or_default(), "{ran:?}");
}

#[test]
#[ignore = "run by whichever_compose_command_answers_is_used"]
fn inner_compose_plugin() {
    let mut bench = Bench::default();
    let ran = bench.run(&compose_plan());
    assert!(ran.is_success, "{ran:?}");
    assert_eq!(ran.outcome.facts["compose"], "docker compose");
    assert!(bench.log().starts_with("$ docker compose --project-directory web up -d\n"), "{}", bench.log());
}

#[test]
#[ignore = "run by whichever_compose_command_answers_is_used"]
fn inner_compose_none() {
    let mut bench = Bench::default();
    let ran = bench.run(&compose_plan());
    assert_eq!((reason(&ran), ran.outcome.failed_step), ("no_compose", Some(1)));
    assert!(
        message(&ran).contains("`docker compose`") && message(&ran).contains("`docker-compose`"),
        "{}",
        message(&ran)
    );
    assert!(bench.recorded.is_empty());
}

#[test]
#[ignore = "run by whichever_compose_command_answers_is_used"]
fn inner_engine_away() {
    let mut bench = Bench::default();
    let ran = bench.run(&compose_plan());
    assert_eq!(reason(&ran), "engine_unreachable");
    assert!(ran.node_unavailable);
}
