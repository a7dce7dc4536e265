//! A plan that changed between the approval and the claim, in each of its parts: refused, with the difference.

use crate::lab::Lab;

#[test]
fn each_part_that_changes_is_refused() {
    const HOST: &str = "connection: local\nrepo: /tmp";
    const BASE: &str = "{name: web, runtime: command, recipes: {redeploy: [[\"true\", a]]}, check: {command: [\"true\"]}, min_healthy: 0s}";
    for (host, service, word) in [
        ("connection: local\nrepo: /var", BASE, "/var"),
        ("ssh: nobody@192.0.2.1\nrepo: /tmp", BASE, "192.0.2.1"),
        (HOST, &BASE.replace("[\"true\", a]", "[\"true\", b]"), "\"b\""),
        (HOST, &BASE.replace("[\"true\", a]", "[\"true\", a], [\"true\"]"), "+"),
        (HOST, &BASE.replace("{command: [\"true\"]}", "{command: [\"false\"]}"), "false"),
        (HOST, &BASE.replace("min_healthy: 0s", "min_healthy: 1s"), "min_healthy_s"),
        (HOST, &BASE.replace("min_healthy: 0s", "min_healthy: 0s, healthy_deadline: 1s"), "healthy_deadline_s"),
        (HOST, &BASE.replace("min_healthy: 0s", "min_healthy: 0s, timeout: 1m"), "timeout_s"),
        (HOST, &BASE.replace("min_healthy: 0s", "min_healthy: 0s, on_failure: rollback"), "rollback"),
        (HOST, &BASE.replace("runtime: command, recipes: {redeploy: [[\"true\", a]]}", "runtime: nomad"), "nomad"),
        (HOST, "other", ""),
    ] {
        let lab = Lab::new("[]");
        lab.host("box", HOST, &format!("[{BASE}]"));
        lab.approve(&["box/web"]);
        lab.host("box", host, &format!("[{service}]"));
        assert_eq!(lab.run(&["execute"]).status.code(), Some(4), "{host} {service}");
        let done = lab.show("redeploy-box-web");
        assert_eq!(done["result"]["reason"], "plan_changed_since_approval", "{host} {service}: {done}");
        let diff = done["result"]["diff"].as_str().unwrap_or_default();
        assert!(diff.contains(word), "{service}: {diff}");
        assert!(!lab.path("actions/logs/redeploy-box-web").exists(), "nothing ran");
    }
}

#[test]
fn each_setting_of_a_compose_project_that_changes_is_refused() {
    for (before, after) in [
        ("profiles: [one]", "profiles: [two]"),
        ("profiles: [one]", "profiles: [one, two]"),
        ("project: one", "project: two"),
        ("containers: [one]", "containers: [two]"),
        ("compose: one", "compose: two"),
        ("compose: one", "compose: one/two.yml"),
    ] {
        for kind in ["redeploy", "container_restart"] {
            let lab = Lab::new(&format!("[{{name: web, {before}}}]"));
            lab.ok(&["request", kind, "box", "web"]);
            let id = format!("{}-box-web", kind.replace('_', "-"));
            lab.ok(&["approve", &id]);
            lab.host("box", "connection: local", &format!("[{{name: web, {after}}}]"));
            assert_eq!(lab.run(&["execute"]).status.code(), Some(4), "{kind} {after}");
            let done = lab.show(&id);
            assert_eq!(done["result"]["reason"], "plan_changed_since_approval", "{kind} {after}: {done}");
            assert!(done["result"]["diff"].as_str().unwrap().contains("two"), "{kind} {after}: {done}");
        }
    }
}

#[test]
fn another_commit_than_the_pinned_one_is_refused() {
    let lab = Lab::new("[web]");
    lab.ok(&["request", "redeploy", "box", "web"]);
    let path = |state: &str| lab.path(&format!("actions/{state}/redeploy-box-web.json"));
    let edit = |state: &str, edit: &dyn Fn(&mut serde_json::Value)| {
        let mut action = serde_json::from_slice(&std::fs::read(path(state)).unwrap()).unwrap();
        edit(&mut action);
        std::fs::write(path(state), action.to_string()).unwrap();
    };
    let [approved, other] = ["a", "b"].map(|digit| digit.repeat(40));
    edit("pending", &|action| {
        let from = "c".repeat(40);
        action["fetched"] =
            serde_json::json!({"at": "2026-01-01T00:00:00.000Z", "from": from, "to": approved, "commits": []});
    });
    lab.ok(&["approve", "redeploy-box-web"]);
    edit("approved", &|action| {
        assert_eq!(action["plan"]["commit"], approved.as_str(), "{action}");
        action["plan"]["commit"] = other.as_str().into();
    });
    assert_eq!(lab.run(&["execute"]).status.code(), Some(4));
    let done = lab.show("redeploy-box-web");
    assert_eq!(done["result"]["reason"], "plan_changed_since_approval", "{done}");
}

#[test]
fn the_content_of_an_override_is_part_of_the_plan() {
    let lab = Lab::new("[web]");
    let folder = lab.path("hosts/box/runtime/web");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("docker-compose.override.yml");
    std::fs::write(&file, "services: {}\n").unwrap();
    lab.approve(&["box/web"]);
    std::fs::write(&file, "services: {web: {privileged: true}}\n").unwrap();
    assert_eq!(lab.run(&["execute"]).status.code(), Some(4));
    let done = lab.show("redeploy-box-web");
    let diff = done["result"]["diff"].as_str().unwrap();
    assert!(diff.contains("override_sha256") && !diff.contains("privileged"), "nothing of a project that is not there");
}

#[test]
fn each_file_that_the_rendered_config_comes_from_is_part_of_the_plan() {
    for (file, before, after, word) in [
        ("docker-compose.yml", "services: {web: {image: a}}\n", "services: {web: {image: b}}\n", "image: b"),
        ("docker-compose.override.yml", "services: {}\n", "services: {web: {privileged: true}}\n", "privileged"),
        (".env", "TAG=1\nDB_PASSWORD=hunter22\n", "TAG=2\nDB_PASSWORD=hunter22\n", "sha256"),
        (".env", "TAG=1\n", "TAG=1\nMORE=2\n", "MORE"),
        ("web.env", "A=1\n", "A=2\n", "sha256"),
        ("base.yml", "services: {}\n", "services: {b: {image: c}}\n", "image: c"),
    ] {
        for kind in ["redeploy", "container_restart"] {
            let lab = Lab::new("[web]");
            let project = lab.path("repo/services/web");
            std::fs::create_dir_all(&project).unwrap();
            // The home may be named in the host file: it is the same for whoever approves and executes.
            lab.host("box", "connection: local\nrepo: ~/repo", "[web]");
            let base = "include: [base.yml]\nservices: {web: {image: a, env_file: web.env}}\n";
            std::fs::write(project.join("docker-compose.yml"), base).unwrap();
            std::fs::write(project.join(file), before).unwrap();
            lab.ok(&["request", kind, "box", "web"]);
            let id = format!("{}-box-web", kind.replace('_', "-"));
            let approved = lab.json(&["approve", &id]);
            assert!(!approved.to_string().contains("hunter22"), "{approved}");
            let planned = lab.json(&["plan", &id])["plans"][0].clone();
            assert!(planned["pinned"].is_null(), "{planned}");
            std::fs::write(project.join(file), after).unwrap();
            assert!(lab.json(&["plan", &id])["plans"][0]["pinned"].is_string(), "the plan says what will be refused");
            assert_eq!(lab.run(&["execute"]).status.code(), Some(4));
            let done = lab.show(&id);
            assert_eq!(done["result"]["reason"], "plan_changed_since_approval", "{file}: {done}");
            assert!(done["result"]["diff"].as_str().unwrap().contains(word), "{file}: {done}");
            assert!(!done.to_string().contains("hunter22"), "{done}");
        }
    }
}

#[test]
fn what_the_config_comes_from_is_part_of_the_plan_however_it_is_named() {
    const OVERRIDE: &str = "../../../hosts/box/runtime/web/docker-compose.override.yml";
    const PLAIN: (&str, &str) = ("docker-compose.yml", "services: {web: {image: a}}\n");
    let large = format!("services: {{web: {{image: a}}}}\n#{}", "x".repeat(1 << 20));
    for (files, changed, word) in [
        (&[(".env", "COMPOSE_FILE=a.yml\n"), ("a.yml", "services: {w: {image: a}}\n")][..], "a.yml", "# changed"),
        (&[PLAIN, (OVERRIDE, "services: {web: {env_file: o.env}}\n"), ("o.env", "A=1\n")], "o.env", "sha256"),
        (
            &[
                PLAIN,
                (OVERRIDE, "services: {web: {extends: {file: b.yml, service: b}}}\n"),
                ("b.yml", "services: {b: {}}\n"),
            ],
            "b.yml",
            "# changed",
        ),
        (
            &[("docker-compose.yml", "x-b: &b {env_file: m.env}\nservices: {web: {<<: *b}}\n"), ("m.env", "A=1\n")],
            "m.env",
            "sha256",
        ),
        (
            &[("docker-compose.yml", "services: {web: {env_file: '${HLT_X:-v}.env'}}\n"), ("v.env", "A=1\n")],
            "v.env",
            "sha256",
        ),
        (&[("docker-compose.yml", &large)], "docker-compose.yml", "sha256"),
        (&[("../docker-compose.yml", "services: {web: {image: a}}\n")], "../docker-compose.yml", "# changed"),
    ] {
        let lab = Lab::new("[]");
        lab.host("box", "connection: local\nrepo: ~/repo", "[web]");
        let project = lab.path("repo/services/web");
        std::fs::create_dir_all(&project).unwrap();
        std::fs::create_dir_all(lab.path("hosts/box/runtime/web")).unwrap();
        for (name, text) in files {
            std::fs::write(project.join(name), text).unwrap();
        }
        lab.approve(&["box/web"]);
        let path = project.join(changed);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{text}\n# changed\n")).unwrap();
        assert_eq!(lab.run(&["execute"]).status.code(), Some(4), "{changed}");
        let done = lab.show("redeploy-box-web");
        assert_eq!(done["result"]["reason"], "plan_changed_since_approval", "{changed}: {done}");
        let diff = done["result"]["diff"].as_str().unwrap();
        assert!(diff.contains(word), "{changed}: {diff}");
    }
}

#[test]
fn what_the_files_take_from_the_environment_is_part_of_the_plan() {
    for (line, name) in [
        ("image: 'a:${TAG:-x}'", "TAG"),
        ("environment: [TAG]", "TAG"),
        ("image: a", "COMPOSE_FILE"),
        ("image: a", "COMPOSE_PROJECT_NAME"),
    ] {
        let lab = Lab::new("[]");
        lab.host("box", "connection: local\nrepo: ~/repo", "[web]");
        std::fs::create_dir_all(lab.path("repo/services/web")).unwrap();
        std::fs::write(lab.path("repo/services/web/compose.yml"), format!("services: {{web: {{{line}}}}}\n")).unwrap();
        let with =
            |value: &str, argv: &[&str]| lab.command(argv).env(name, value).env("OTHER", value).output().unwrap();
        lab.ok(&["request", "redeploy", "box", "web"]);
        let approved = with("value-one", &["approve", "redeploy-box-web"]);
        assert!(approved.status.success(), "{approved:?}");
        let planned = with("value-one", &["--json", "plan"]);
        let planned: serde_json::Value = serde_json::from_slice(&planned.stdout).unwrap();
        assert!(planned["plans"][0]["pinned"].is_null(), "{planned}");
        let sources = planned["plans"][0]["plan"]["project"].to_string();
        assert!(sources.contains(&format!("${name}")) && !sources.contains("OTHER"), "{sources}");
        assert_eq!(with("value-two", &["execute"]).status.code(), Some(4), "{line}");
        let done = lab.show("redeploy-box-web");
        assert_eq!(done["result"]["reason"], "plan_changed_since_approval", "{line}: {done}");
        assert!(done["result"]["diff"].as_str().unwrap().contains(&format!("${name}")), "{line}: {done}");
        // Of a file's name nothing is secret.
        assert!(name == "COMPOSE_FILE" || !done.to_string().contains("value-"), "{line}: {done}");
    }
}

#[test]
fn a_pin_that_is_none_is_no_leave_to_run() {
    for (field, value) in [("commit", "--exec=id".into()), ("digest", 7.into())] {
        let lab = Lab::new(&format!("[{}]", crate::lab::service("web", "true", "")));
        lab.approve(&["box/web"]);
        let path = lab.path("actions/approved/redeploy-box-web.json");
        let mut action: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        action["plan"][field] = value;
        std::fs::write(&path, action.to_string()).unwrap();
        let code = lab.run(&["execute"]).status.code();
        let done = lab.show("redeploy-box-web");
        match field {
            "digest" => {
                assert_eq!((code, done["result"]["reason"].as_str()), (Some(4), Some("plan_changed_since_approval")))
            }
            // What names no commit pins none: the digest says whether another plan was meant.
            _ => assert_eq!((code, done["state"].as_str()), (Some(0), Some("completed"))),
        }
    }
}
