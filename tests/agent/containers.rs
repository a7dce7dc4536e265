//! Containers of each kind of health, started by a real docker-compose, as the agent sees them.

use crate::lab::{Lab, becomes};

/// Runs for as long as it is let.
const RUNS: &str = "command: [sh, -c, 'trap exit TERM; while :; do sleep 0.2; done'], network_mode: none";

#[test]
fn each_kind_of_health_is_told_as_what_mends_it() {
    let Some(lab) = Lab::with_docker() else { return };
    let name = |kind: &str| format!("{}{kind}", lab.prefix);
    let check = |test: &str, more: &str| {
        format!("{RUNS}, healthcheck: {{test: [CMD, /bin/busybox, {test}], interval: 1s, retries: 1, {more}}}")
    };
    let (well, sick, starting) = (check("'true'", ""), check("'false'", ""), check("'false'", "start_period: 1h"));
    let (failed, done) = ("command: [sh, -c, 'exit 3'], network_mode: none", "command: ['true'], network_mode: none");
    let loops = "command: [sh, -c, 'sleep 0.3; exit 1'], network_mode: none, restart: always";
    let kept_up = format!("{RUNS}, restart: unless-stopped");
    let named = format!("{RUNS}, container_name: {}", name("byname"));
    let projects: [(&str, Vec<(&str, &str)>); 11] = [
        ("up", vec![("web", RUNS)]),
        ("well", vec![("web", &well)]),
        ("sick", vec![("web", &sick)]),
        ("starting", vec![("web", &starting)]),
        ("failed", vec![("web", RUNS), ("db", failed)]),
        ("done", vec![("web", RUNS), ("migrate", done)]),
        ("stopped", vec![("web", &kept_up), ("db", &kept_up)]),
        ("rests", vec![("web", RUNS), ("db", RUNS)]),
        ("loops", vec![("web", loops)]),
        ("named", vec![("web", &named)]),
        ("paused", vec![("web", RUNS)]),
    ];
    let mut yaml = String::from("services:\n");
    for (kind, services) in &projects {
        lab.project(&name(kind), services);
        lab.compose(&name(kind), &["up", "-d"]);
        match *kind {
            "named" => yaml += &format!("  - {{name: by-name, containers: [{}]}}\n", name("byname")),
            kind => yaml += &format!("  - {}\n", name(kind)),
        }
    }
    // Another name than the project's, a project that was never started, and one that nobody watches.
    yaml += &format!(
        "  - {{name: other, project: {}}}\n  - {{name: folder, compose: services/{}}}\n",
        name("up"),
        name("up")
    );
    yaml += &format!("  - never\n  - {{name: {}x, monitor: false}}\n", name("failed"));
    let both = format!("{0}_web_1, {0}_db_1", name("rests"));
    yaml += &format!("  - {{name: both, containers: [{both}]}}\n");
    lab.services(&yaml);
    for project in ["stopped", "rests"] {
        lab.docker(&["stop", &format!("{}_db_1", name(project))]);
    }
    let web = lab.docker(&["ps", "-q", "--filter", &format!("label=com.docker.compose.project={}", name("paused"))]);
    lab.docker(&["pause", web.trim()]);
    let health = |kind: &str| {
        let filter = format!("label=com.docker.compose.project={}", name(kind));
        lab.docker(&["ps", "-a", "--filter", &filter, "--format", "{{.Status}}"])
    };
    assert!(becomes(|| health("sick").contains("(unhealthy)") && health("well").contains("(healthy)")));
    assert!(becomes(|| health("failed").contains("Exited (3)") && health("done").contains("Exited (0)")));
    assert!(["stopped", "rests"].into_iter().all(|kind| health(kind).contains("Exited (0)")));

    let dry = crate::lab::Pass::of(&mut lab.command(&["--json", "agent", "--dry-run"]));
    assert_eq!((dry.code, dry.found(&name("up")).as_str()), (0, "healthy"), "{dry:?}");
    assert!(lab.events().is_empty() && !crate::lab::exists(&lab.path("root/state/agent_memory.json")));

    let pass = lab.pass();
    assert_eq!(pass.code, 0, "{pass:?}");
    let want = [
        (name("up"), "healthy", "healthy"),
        ("other".into(), "healthy", "healthy"),
        ("folder".into(), "healthy", "healthy"),
        ("by-name".into(), "healthy", "healthy"),
        (name("well"), "healthy", "healthy"),
        (name("done"), "healthy", "healthy"),
        (name("sick"), "check_failed", "check_failed"),
        (name("failed"), "containers_not_running", "containers_not_running"),
        (name("paused"), "containers_not_running", "containers_not_running"),
        (name("stopped"), "containers_not_running", "containers_not_running"),
        (name("rests"), "healthy", "healthy"),
        ("both".into(), "containers_not_running", "containers_not_running"),
        (name("starting"), "starting", "nothing"),
        ("never".into(), "absent", "removed"),
    ];
    for (service, found, _) in &want {
        assert_eq!(pass.found(service), *found, "{service}: {}", pass.seen(service));
    }
    assert!(lab.told(&name("sick")) == "nothing" && lab.told(&name("up")) == "healthy", "one failure is none yet");
    assert!(pass.seen(&name("failed")).contains("db"), "{pass:?}");
    let pass = lab.pass();
    for (service, _, told) in &want {
        assert_eq!(lab.told(service), *told, "{service}: {pass:?}");
    }
    let again = lab.pass();
    let new = again.report["events"].as_array().unwrap().iter().filter(|e| e["service"] != name("loops").as_str());
    assert_eq!(new.count(), 0, "nothing changed but what moves by itself: {again:?}");
    assert!(!pass.report.to_string().contains(&format!("{}x", name("failed"))), "nobody watches it");

    // A loop is told once it has been seen twice, whatever moment of it a pass meets.
    assert!(becomes(|| {
        lab.pass();
        lab.told(&name("loops")) == "containers_not_running"
    }));
    lab.docker(&["rm", "-f", &name("byname")]);
    lab.passes(2);
    assert_eq!(lab.told("by-name"), "removed", "what was taken down is missing");
}

#[test]
fn a_loop_that_is_slower_than_the_passes_is_told_until_it_is_mended() {
    let Some(lab) = Lab::with_docker() else { return };
    let (service, steady) = (format!("{}slow", lab.prefix), format!("{}steady", lab.prefix));
    let fails = "command: [sh, -c, 'trap exit TERM; until test -e /bin/mended; do sleep 5; exit 1; done; \
                 while :; do sleep 0.2; done'], network_mode: none, restart: always";
    lab.project(&service, &[("web", fails)]);
    lab.project(&steady, &[("web", &format!("{RUNS}, restart: always"))]);
    lab.services(&format!("services: [{service}, {steady}]\n"));
    for project in [&service, &steady] {
        lab.compose(project, &["up", "-d"]);
    }
    let pass = || {
        std::thread::sleep(std::time::Duration::from_secs(2));
        lab.pass()
    };
    assert!((0..100).any(|_| {
        pass();
        lab.told(&service) == "containers_not_running"
    }));
    for _ in 0..5 {
        let pass = pass();
        assert_eq!(pass.found(&service), "containers_not_running", "between its restarts, too: {pass:?}");
        assert_eq!(pass.found(&steady), "healthy");
    }
    let web = format!("{service}_web_1");
    lab.put("mended", "");
    lab.docker(&["cp", lab.path("mended").to_str().unwrap(), &format!("{web}:/bin/mended")]);
    lab.docker(&["restart", "-t", "1", &web]);
    assert_eq!(pass().found(&service), "healthy", "a person started it");
    assert_eq!((lab.told(&service), lab.told(&steady)), ("healthy".into(), "healthy".into()));
}

#[test]
fn each_heartbeat_names_the_engine_s_version_which_is_asked_once() {
    use std::os::unix::fs::PermissionsExt;
    let Some(lab) = Lab::with_docker() else { return };
    lab.services("services: [web]\n");
    lab.put("root/config.yaml", "agent: {refresh: 1s}\n");
    let asked = lab.path("asked");
    let docker = lab.output(std::process::Command::new("sh").args(["-c", "command -v docker"]));
    lab.put("bin/docker", format!("#!/bin/sh\necho \"$1\" >> {}\nexec {} \"$@\"\n", asked.display(), docker.trim()));
    std::fs::set_permissions(lab.path("bin/docker"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", lab.path("bin").display(), crate::needs::var("PATH").unwrap());
    let heartbeats = || lab.events().into_iter().filter(|e| e["type"] == "node_heartbeat").collect::<Vec<_>>();
    assert!(becomes(|| {
        crate::lab::Pass::of(lab.command(&["--json", "agent"]).env("PATH", &path));
        heartbeats().len() > 2
    }));
    let version = lab.docker(&["version", "--format", "{{.Server.Version}}"]);
    assert!(heartbeats().iter().all(|e| e["details"]["engine"] == version.trim()), "{:?}", heartbeats());
    let asked = std::fs::read_to_string(asked).unwrap();
    assert_eq!(asked.lines().filter(|word| *word == "version").count(), 1, "{asked}");
    let mut away = lab.command(&["--json", "agent"]);
    away.env("DOCKER_HOST", "unix:///nowhere.sock");
    let before = heartbeats().len();
    assert!(becomes(|| {
        crate::lab::Pass::of(&mut away);
        heartbeats().len() > before
    }));
    let last = heartbeats().pop().unwrap();
    assert!(last["details"]["engine_error"].is_string() && last["details"]["engine"].is_null(), "{last}");
}

#[test]
fn an_engine_that_does_not_answer_says_nothing_of_its_containers() {
    let Some(lab) = Lab::with_docker() else { return };
    let service = format!("{}up", lab.prefix);
    lab.project(&service, &[("web", RUNS)]);
    lab.compose(&service, &["up", "-d"]);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let checked = format!("{{tcp: '{}'}}", port.local_addr().unwrap());
    lab.services(&format!("services: [{service}, {{name: checked, check: {checked}}}]\n"));
    assert_eq!(lab.pass().found(&service), "healthy");
    let before = lab.events().len();
    for _ in 0..3 {
        let mut away = lab.command(&["--json", "agent"]);
        let pass = crate::lab::Pass::of(away.env("DOCKER_HOST", "unix:///nowhere.sock"));
        assert_eq!((pass.code, pass.found(&service).as_str()), (1, "unknown"), "{pass:?}");
        assert!(pass.err.contains(&format!("nothing is known of {service}: ")), "{}", pass.err);
        assert_eq!(pass.found("checked"), "healthy", "its check answers all the same");
    }
    assert_eq!(lab.events().len(), before, "unknown is not unhealthy");
    assert_eq!(lab.pass().code, 0);
}
