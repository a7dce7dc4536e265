//! A redeploy with a new commit: fetched first, verified, and put back where it does not become healthy.

use crate::lab::{Lab, SERVES, write};

const QUICK: &str = "min_healthy: 1s, healthy_deadline: 15s";

#[test]
fn a_new_commit_is_pulled_built_and_runs() {
    let Some(lab) = Lab::new(QUICK) else { return };
    lab.compose(&["up", "-d", "--build"]);
    let before = lab.head();
    let commit = lab.commit("two", SERVES);
    let done = lab.act("redeploy");
    assert_eq!(done["state"], "completed", "{done} {}", lab.log("redeploy"));
    assert_eq!(lab.version(), "two");
    let facts = &done["result"]["facts"];
    assert_eq!((&facts["commit_before"], &facts["commit"]), (&before.into(), &commit.into()), "{done}");
    assert!(facts["images_before"].as_str().unwrap().contains("sha256:"), "{done}");
}

#[test]
fn a_broken_commit_is_put_back_and_the_old_container_serves_again() {
    let Some(lab) = Lab::new("min_healthy: 1s, healthy_deadline: 5s, on_failure: rollback") else { return };
    lab.compose(&["up", "-d", "--build"]);
    let before = lab.head();
    let commit = lab.commit("broken", "echo no config; exit 1");
    assert_ne!(before, commit);
    let done = lab.act("redeploy");
    assert_eq!((&done["state"], &done["result"]["reason"]), (&"failed".into(), &"not_healthy_after".into()), "{done}");
    assert_eq!(done["result"]["hints"], serde_json::json!(["rolled_back"]), "{done}");
    assert!(done["result"]["facts"]["rollback"].as_str().unwrap().contains("was restored"), "{done}");
    assert!(done["result"]["container_log"].to_string().contains("no config"), "{done}");
    assert_eq!(lab.head(), before);
    assert_eq!(lab.version(), "one");
    // The next pull brings the mended commit: nothing stands in its way.
    lab.commit("three", SERVES);
    let done = lab.act("redeploy");
    assert_eq!(done["state"], "completed", "{done} {}", lab.log("redeploy"));
    assert_eq!(lab.version(), "three");
}

#[test]
fn a_commit_whose_containers_cannot_start_is_put_back() {
    let Some(lab) = Lab::new(&format!("{QUICK}, on_failure: rollback")) else { return };
    lab.compose(&["up", "-d", "--build"]);
    let text = format!(
        "version: '3'\nservices:\n  web:\n    build: .\n    image: {}:latest\n    entrypoint: [/no/such/program]\n",
        lab.service
    );
    lab.commit_compose("broken", &text);
    let done = lab.act("redeploy");
    assert_eq!((&done["state"], &done["result"]["reason"]), (&"failed".into(), &"step_failed".into()), "{done}");
    assert_eq!(done["result"]["hints"], serde_json::json!(["rolled_back"]), "{done} {}", lab.log("redeploy"));
    assert_eq!(lab.version(), "one");
}

#[test]
fn a_first_deployment_has_nothing_to_go_back_to_and_says_so() {
    let Some(lab) = Lab::new("min_healthy: 1s, healthy_deadline: 2s, on_failure: rollback") else { return };
    lab.commit("broken", "exit 1");
    let done = lab.act("redeploy");
    assert_eq!(done["result"]["reason"], "not_healthy_after", "{done}");
    assert_eq!(done["result"]["hints"], serde_json::json!(["nothing_to_roll_back_to"]), "{done}");
    assert!(done["result"]["message"].as_str().unwrap().contains("not rolled back"), "{done}");
}

#[test]
fn images_that_cannot_be_pulled_are_taken_from_here_and_missing_ones_disturb_nothing() {
    let Some(lab) = Lab::new(QUICK) else { return };
    lab.compose(&["up", "-d", "--build"]);
    let before = lab.container();
    // The image is here under this name; no registry has it.
    let text = |image: &str| {
        format!(
            "version: '3'\nservices:\n  web:\n    image: {image}\n    command: [sh, -c, {}]\n",
            serde_json::to_string(SERVES).unwrap()
        )
    };
    lab.commit_compose("two", &text(&format!("{}:latest", lab.service)));
    let done = lab.act("redeploy");
    assert_eq!(done["state"], "completed", "{done} {}", lab.log("redeploy"));
    assert_ne!(lab.container(), before);
    let before = lab.container();
    lab.commit_compose("three", &text(&format!("localhost:1/{}:gone", lab.service)));
    let done = lab.act("redeploy");
    assert_eq!((&done["state"], &done["result"]["reason"]), (&"failed".into(), &"fetch_failed".into()), "{done}");
    assert_eq!(done["result"]["failed_step"], 4, "{done}");
    assert_eq!(lab.container(), before, "what runs goes on running");
    assert_eq!(lab.version(), "one");
}

#[test]
fn a_remote_a_work_tree_or_a_branch_that_does_not_follow_leaves_what_runs_as_it_is() {
    let Some(lab) = Lab::new(&format!("{QUICK}, on_failure: rollback")) else { return };
    lab.compose(&["up", "-d", "--build"]);
    let (container, head) = (lab.container(), lab.head());
    let failed = |word: &str| {
        let done = lab.act("redeploy");
        assert_eq!(done["result"]["reason"], "fetch_failed", "{done}");
        assert!(lab.log("redeploy").contains(word), "{word}: {}", lab.log("redeploy"));
        assert_eq!(lab.container(), container, "{word}");
        assert_eq!(lab.head(), head, "{word}");
    };
    let remote = lab.path("remote.git");
    std::fs::rename(&remote, lab.path("away.git")).unwrap();
    failed("does not appear to be a git repository");
    std::fs::rename(lab.path("away.git"), &remote).unwrap();
    lab.commit("two", SERVES);
    write(&lab.project().join("version"), "edited by hand");
    failed("would be overwritten");
    // A clean work tree, a commit of its own, and nothing that could not be merged.
    let repo = lab.path("repo");
    let git = |argv: &[&str]| lab.git(&[&["-C", repo.to_str().unwrap()], argv].concat());
    git(&["checkout", "-q", "--", "."]);
    write(&repo.join("local"), "a file of its own");
    git(&["add", "local"]);
    git(&["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "local"]);
    assert_eq!(git(&["status", "--porcelain"]), "");
    let head = lab.head();
    let done = lab.act("redeploy");
    assert_eq!(
        (&done["result"]["reason"], &done["result"]["failed_step"]),
        (&"fetch_failed".into(), &1.into()),
        "{done}"
    );
    assert!(lab.log("redeploy").to_lowercase().contains("fast-forward"), "{}", lab.log("redeploy"));
    assert_eq!((lab.head(), lab.container()), (head, container), "{done}");
}

#[test]
fn a_build_that_fails_puts_the_repository_back() {
    let Some(lab) = Lab::new(&format!("{QUICK}, on_failure: rollback")) else { return };
    lab.compose(&["up", "-d", "--build"]);
    let (container, head) = (lab.container(), lab.head());
    let author = lab.path("author").join("services").join(&lab.service).join("Dockerfile");
    write(&author, "FROM scratch\nCOPY no-such-file /x\n");
    lab.commit("two", SERVES);
    let done = lab.act("redeploy");
    assert_eq!(
        (&done["result"]["reason"], &done["result"]["failed_step"]),
        (&"fetch_failed".into(), &3.into()),
        "{done}"
    );
    assert_eq!((lab.head(), lab.container()), (head, container), "{done}");
}

#[test]
fn project_profile_override_and_env_file_reach_the_containers() {
    let Some(lab) = Lab::new(&format!("{QUICK}, profiles: [extra]")) else { return };
    let project = lab.service.clone();
    let base = |image: &str| {
        format!(
            "    image: {image}:latest\n    command: [sh, -c, {}]\n",
            serde_json::to_string(&SERVES.replace('$', "$$")).unwrap()
        )
    };
    let text = format!(
        "version: '3'\nservices:\n  web:\n    build: .\n{0}    environment: {{FROM_ENV: '${{FROM_ENV}}'}}\n  extra:\n    profiles: [extra]\n{0}",
        base(&project)
    );
    lab.commit_compose("two", &text);
    // `compose.yaml` is a name, too, and `.env` is not in the repository.
    let folder = lab.path("author").join("services").join(&project);
    std::fs::rename(folder.join("docker-compose.yml"), folder.join("compose.yaml")).unwrap();
    let author = lab.path("author").display().to_string();
    lab.git(&["-C", &author, "add", "-A"]);
    lab.git(&["-C", &author, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "rename"]);
    lab.git(&["-C", &author, "push", "-q", "origin", "HEAD"]);
    lab.git(&["-C", lab.path("repo").to_str().unwrap(), "pull", "-q", "--ff-only"]);
    write(&lab.project().join(".env"), "FROM_ENV=s3cr3t-not\n");
    let over = lab.path("root/hosts/box/runtime").join(&project);
    std::fs::create_dir_all(&over).unwrap();
    write(
        &over.join("docker-compose.override.yml"),
        "version: '3'\nservices:\n  web:\n    environment: {OVER: here}\n",
    );
    let done = lab.act("redeploy");
    assert_eq!(done["state"], "completed", "{done} {}", lab.log("redeploy"));
    let ids = lab.container();
    assert_eq!(ids.split_whitespace().count(), 2, "the profile's service runs, too: {ids}");
    let environment = ids
        .split_whitespace()
        .map(|id| lab.docker(&["inspect", "--format", "{{.Config.Env}}", id]))
        .collect::<String>();
    assert!(environment.contains("FROM_ENV=s3cr3t-not") && environment.contains("OVER=here"), "{environment}");
}

#[test]
fn the_files_that_compose_file_names_are_those_that_run() {
    let Some(lab) = Lab::new(QUICK) else { return };
    write(&lab.project().join(".env"), "MORE=more\nCOMPOSE_FILE=docker-compose.yml:${MORE}.yml\n");
    write(&lab.project().join("more.yml"), "version: '3'\nservices:\n  web:\n    env_file: m.env\n");
    write(&lab.project().join("m.env"), "FROM_MORE=here\n");
    let done = lab.act("redeploy");
    assert_eq!(done["state"], "completed", "{done} {}", lab.log("redeploy"));
    let environment = lab.docker(&["inspect", "--format", "{{.Config.Env}}", &lab.container()]);
    assert!(environment.contains("FROM_MORE=here"), "{environment}");
    let sources: Vec<&str> =
        done["plan"]["project"].as_array().unwrap().iter().map(|s| s["path"].as_str().unwrap()).collect();
    assert_eq!(sources, [".env", "docker-compose.yml", "m.env", "more.yml"]);
}

#[test]
fn the_commit_that_the_plan_showed_is_the_one_that_runs() {
    let Some(lab) = Lab::new(QUICK) else { return };
    lab.compose(&["up", "-d", "--build"]);
    let shown = lab.commit("two", SERVES);
    let id = lab.id("redeploy");
    lab.hlctl_ok(&["request", "redeploy", "box", &lab.service]);
    let free = lab.json(&["plan", &id])["plans"][0]["plan"]["digest"].clone();
    let planned = lab.json(&["plan", &id, "--fetch"])["plans"][0].clone();
    assert_eq!(planned["fetched"]["to"], shown.as_str(), "{planned}");
    assert!(planned["fetched"]["commits"][0].as_str().unwrap().ends_with("version two"), "{planned}");
    assert!(planned["fetched"]["diff"].as_str().unwrap().contains("\n-one\n"), "{planned}");
    assert_ne!(planned["plan"]["digest"], free, "the digest covers the commit");
    let text = lab.hlctl_ok(&["--color", "always", "plan", &id]);
    assert!(text.contains("version two") && text.contains("\u{1b}["), "{text}");
    lab.hlctl_ok(&["approve", &id, "--digest", planned["plan"]["digest"].as_str().unwrap()]);
    // The remote moves on, and goes away: what was approved is what runs.
    let later = lab.commit("three", SERVES);
    std::fs::rename(lab.path("remote.git"), lab.path("away.git")).unwrap();
    let done = lab.execute("redeploy");
    assert_eq!(done["state"], "completed", "{done} {}", lab.log("redeploy"));
    assert_eq!((lab.head().as_str(), lab.version().as_str()), (shown.as_str(), "two"));
    assert_ne!(lab.head(), later);
}

#[test]
fn a_repository_beyond_the_approved_commit_is_not_deployed() {
    let Some(lab) = Lab::new(QUICK) else { return };
    lab.compose(&["up", "-d", "--build"]);
    lab.commit("two", SERVES);
    let id = lab.id("redeploy");
    lab.hlctl_ok(&["request", "redeploy", "box", &lab.service]);
    lab.hlctl_ok(&["plan", &id, "--fetch"]);
    lab.hlctl_ok(&["approve", &id]);
    lab.commit("three", SERVES);
    lab.git(&["-C", lab.path("repo").to_str().unwrap(), "pull", "-q", "--ff-only"]);
    let done = lab.execute("redeploy");
    assert_eq!(done["result"]["reason"], "fetch_failed", "{done}");
    assert!(done["result"]["message"].as_str().unwrap().contains("not at the approved"), "{done}");
    assert_eq!(lab.version(), "one");
}

#[test]
fn what_has_changed_in_the_rendered_config_is_shown_and_a_change_after_the_approval_is_refused() {
    let Some(lab) = Lab::new(QUICK) else { return };
    let done = lab.act("redeploy");
    assert_eq!(done["state"], "completed", "{done} {}", lab.log("redeploy"));
    let id = lab.id("redeploy");
    lab.hlctl_ok(&["request", "redeploy", "box", &lab.service]);
    assert!(lab.hlctl_ok(&["show", &id]).contains("the rendered config has not changed since the redeploy of"));
    let file = lab.project().join("docker-compose.yml");
    let with = |line: &str| {
        let text = std::fs::read_to_string(&file).unwrap();
        write(&file, &text.replace("    build: .\n", &format!("    build: .\n    {line}\n")));
    };
    with("environment: {PORT: '8081', DB_PASSWORD: hunter22}");
    let text = lab.hlctl_ok(&["plan", &id]);
    assert!(text.contains("+      PORT: '8081'") && text.contains("config from docker-compose.yml"), "{text}");
    assert!(text.contains("+      DB_PASSWORD: '***'") && !text.contains("hunter22"), "{text}");
    lab.hlctl_ok(&["approve", &id]);
    with("hostname: other");
    let container = lab.container();
    let done = lab.execute("redeploy");
    assert_eq!(done["result"]["reason"], "plan_changed_since_approval", "{done}");
    assert!(done["result"]["diff"].as_str().unwrap().contains("hostname: other"), "{done}");
    assert_eq!(lab.container(), container);
}

#[test]
fn images_that_are_others_than_those_that_run_are_shown_and_change_no_digest() {
    let Some(lab) = Lab::new(QUICK) else { return };
    let done = lab.act("redeploy");
    assert_eq!(done["state"], "completed", "{done} {}", lab.log("redeploy"));
    let id = lab.id("redeploy");
    lab.hlctl_ok(&["request", "redeploy", "box", &lab.service]);
    let name = format!("{}:latest", lab.service);
    let image = || lab.docker(&["image", "inspect", "--format", "{{.Id}}", &name]).trim().to_owned();
    let planned = || lab.json(&["plan", &id])["plans"][0].clone();
    let (before, first) = (planned(), image());
    let same = serde_json::json!([{"name": name, "deployed": first, "now": first}]);
    assert_eq!(before["images"], same, "{before}");
    assert!(lab.hlctl_ok(&["show", &id]).contains(&format!("the image {name} has not changed: ")));

    let file = lab.project().join("version");
    write(&file, "other");
    lab.compose(&["build"]);
    write(&file, "one");
    let second = image();
    assert_ne!(first, second);
    let after = planned();
    assert_eq!((&after["images"][0]["deployed"], &after["images"][0]["now"]), (&first.into(), &second.into()));
    assert_eq!(after["plan"]["digest"], before["plan"]["digest"]);
    let text = lab.hlctl_ok(&["show", &id]);
    assert!(text.contains(&format!("the image {name} has changed: ")), "{text}");

    let away = lab.command(&["plan", &id]).env("DOCKER_HOST", "unix:///nowhere.sock").output().unwrap();
    let text = String::from_utf8(away.stdout).unwrap();
    assert!(away.status.success() && !text.contains("the image"), "{text}");

    let file = lab.project().join("docker-compose.yml");
    write(&file, &std::fs::read_to_string(&file).unwrap().replace(":latest", ":none"));
    assert!(lab.hlctl_ok(&["plan", &id]).contains(&format!("the image {}:none is new and not here yet", lab.service)));
}

#[test]
fn a_redeploy_is_not_refused_for_what_it_pulls_itself_nor_for_what_another_of_its_pass_pulled() {
    let Some(lab) = Lab::new(QUICK) else { return };
    lab.compose(&["up", "-d", "--build"]);
    let id = lab.id("redeploy");
    // A restart of another service is approved before, and pulls the whole repository.
    let services = format!(
        "services:\n- {{name: first, runtime: command, recipes: {{redeploy: [[git, pull, -q, --ff-only]]}}}}\n- {{name: {}, {QUICK}}}\n",
        lab.service
    );
    write(&lab.path("root/hosts/box/services.yaml"), &services);
    lab.hlctl_ok(&["request", "redeploy", "box", "first"]);
    lab.hlctl_ok(&["approve", "redeploy-box-first"]);
    lab.hlctl_ok(&["request", "redeploy", "box", &lab.service]);
    lab.hlctl_ok(&["approve", &id]);
    lab.commit("two", &format!("true; {SERVES}"));
    let done = lab.execute("redeploy");
    assert_eq!(done["state"], "completed", "{done} {}", lab.log("redeploy"));
    assert_eq!(lab.version(), "two");
}
