//! What is written of a machine that has no files yet, from what its engine lists.

use super::super::hostfile::{Check, Runtime, parse_host, parse_services};
use super::super::listing::parse;
use super::*;

struct Container<'a> {
    name: &'a str,
    state: &'a str,
    ports: &'a str,
    project: &'a str,
    dir: &'a str,
    files: &'a str,
    stack: &'a str,
}

const UP: Container<'_> =
    Container { name: "web_1", state: "running", ports: "", project: "", dir: "", files: "", stack: "" };

fn listed(all: &[Container<'_>]) -> Vec<Listed> {
    let line = |(n, c): (usize, &Container<'_>)| {
        serde_json::json!([
            n.to_string(),
            c.name,
            c.state,
            "Up 1 hour",
            c.ports,
            c.project,
            c.dir,
            c.files,
            "",
            c.stack
        ])
    };
    let text: Vec<String> = all.iter().enumerate().map(|c| line(c).to_string()).collect();
    parse(&text.join("\n")).unwrap()
}

fn machine(containers: &[Container<'_>]) -> Machine {
    let compose = &["docker-compose"][..];
    let repo = Some("/srv/lab".into());
    Machine { containers: listed(containers), repo, has_upstream: true, compose, ..Machine::default() }
}

/// Returns the file for a machine, beside what stands there.
fn written(machine: &Machine, existing: Option<&str>) -> Result<Option<String>, NotAppendable> {
    let known = existing.map_or(Vec::new(), |text| parse_services(text).unwrap());
    let folder = |s: &Service| Some(Path::new("/srv/lab/services").join(s.name.as_str()));
    services_file(&"box".parse().unwrap(), existing, &news(existing, propose(machine, &known, folder)))
}

fn new_file(machine: &Machine) -> String {
    written(machine, None).unwrap().unwrap()
}

fn project<'a>(name: &'a str, dir: &'a str) -> Container<'a> {
    Container { project: name, dir, files: "docker-compose.yml", ..UP }
}

#[test]
fn a_machine_without_anything_has_an_empty_list() {
    let text = new_file(&machine(&[]));
    assert!(text.ends_with("\nservices: []\n") && parse_services(&text).unwrap().is_empty(), "{text}");
}

#[test]
fn projects_of_the_repository_are_entries_with_what_is_not_usual() {
    let text = new_file(&machine(&[
        project("blog", "/srv/lab/services/blog"),
        project("monitoring", "/srv/lab/other/My.Folder"),
        Container { files: "/srv/lab/x/stack.yml,/srv/lab/x/more.yml", ..project("x", "/srv/lab/x") },
        project("lab", "/srv/lab"),
    ]));
    let body = text.split_once("services:\n").unwrap().1;
    assert_eq!(
        body,
        "  # Compose project blog: web_1.\n  - blog\n\
         \x20 # Compose project lab: web_1.\n  - name: lab\n    compose: \".\"\n\
         \x20 # Compose project monitoring: web_1.\n  - name: monitoring\n    compose: other/My.Folder\n    project: monitoring\n\
         \x20 # Compose project x: web_1.\n  # It was started with further files, which hlctl does not add: /srv/lab/x/more.yml.\n\
         \x20 - name: x\n    compose: x/stack.yml\n",
        "{text}"
    );
}

#[test]
fn what_lies_elsewhere_keeps_its_own_command() {
    let away = Container { files: "/opt/app/docker-compose.yml", name: "app_web_1", ..project("app", "/opt/app") };
    let text = new_file(&machine(&[away]));
    let services = parse_services(&text).unwrap();
    let recipe = &services[0].settings.recipes[&super::super::action::ActionType::Redeploy];
    assert_eq!(
        recipe.steps()[0].words().join(" "),
        "docker-compose --file /opt/app/docker-compose.yml --project-name app up -d --build --force-recreate"
    );
    assert_eq!(services[0].settings.containers[0].as_str(), "app_web_1");
    assert!(text.contains("outside of the repository /srv/lab"), "{text}");
}

#[test]
fn what_cannot_be_pulled_is_deployed_without() {
    let known =
        Container { files: "/srv/lab/services/blog/docker-compose.yml", ..project("blog", "/srv/lab/services/blog") };
    let unknown = Container { files: "", ..project("old", "/srv/lab/services/old") };
    let text = new_file(&Machine { has_upstream: false, ..machine(&[known, unknown]) });
    let services = parse_services(&text).unwrap();
    let recipe = &services[0].settings.recipes[&super::super::action::ActionType::Redeploy];
    assert_eq!(
        recipe.steps()[0].words().join(" "),
        "docker-compose --file /srv/lab/services/blog/docker-compose.yml --project-name blog up -d --build --force-recreate"
    );
    assert!(services[1].settings.recipes.is_empty());
    for end in ["the recipe redeploys it without.\n", "its redeploy fails.\n"] {
        let line = format!("The branch of /srv/lab has no upstream for `git pull`: until it has one, {end}");
        assert!(text.contains(&line), "no {line:?} in {text}");
    }
}

#[test]
fn the_unsure_is_a_comment_told_once() {
    let stopped = |name| Container { state: "exited", ..project(name, "/srv/lab/services/x") };
    let first = new_file(&machine(&[project("blog", "/srv/lab/services/blog"), stopped("old")]));
    let found = machine(&[project("blog", "/srv/lab/services/blog"), stopped("old"), stopped("older")]);
    let second = written(&found, Some(&first)).unwrap().unwrap();
    let more = second.strip_prefix(&first).unwrap();
    assert!(more.contains("# - older\n") || more.contains("# - name: older\n"), "{second}");
    assert!(!more.contains("old:") && !more.contains("# - old\n"), "{second}");
    assert_eq!(written(&found, Some(&second)).unwrap(), None);
    // However a person has moved it.
    for told in ["#- old", "  #   - name: old", "  # old: {}", "# old:\n#   compose: x"] {
        let text = format!("services:\n  - blog\n{told}\n");
        let found = machine(&[project("blog", "/srv/lab/services/blog"), stopped("old")]);
        assert_eq!(written(&found, Some(&text)).unwrap(), None, "{told:?}");
    }
}

#[test]
fn the_unsure_is_a_comment() {
    let stopped = Container { state: "exited", ..project("old", "/srv/lab/services/old") };
    let text =
        new_file(&machine(&[stopped, Container { name: "lone", ..UP }, project("bad_-\n- x", "/srv/lab/services/b")]));
    assert!(parse_services(&text).unwrap().is_empty(), "{text}");
    for line in ["  # None of its containers runs.\n", "  # - old\n", "  # - name: lone\n", "cannot be a service's"] {
        assert!(text.contains(line), "no {line:?} in {text}");
    }
}

#[test]
fn ports_that_answer_are_checks() {
    let ports =
        "0.0.0.0:1883->1883/tcp, :::1883->1883/tcp, 0.0.0.0:53->53/udp, 9001/tcp, 10.0.0.5:8000-8010->8000-8010/tcp";
    let mut machine = machine(&[Container { ports, ..project("blog", "/srv/lab/services/blog") }]);
    let all = published(&machine.containers[0]);
    let shown: Vec<String> = all.iter().map(|p| format!("{} {}", p.address(), p.inner)).collect();
    assert_eq!(shown, ["127.0.0.1:1883 1883", "10.0.0.5:8000 8000"]);
    let text = new_file(&machine);
    assert!(
        text.contains("# check: {tcp: \"127.0.0.1:1883\"}")
            && parse_services(&text).unwrap()[0].settings.check.is_none()
    );
    machine.answers = [(all[0].clone(), Answered::Mqtt), (all[1].clone(), Answered::Tcp)].into();
    let text = new_file(&machine);
    let check = parse_services(&text).unwrap().swap_remove(0).settings.check.unwrap();
    assert!(matches!(check, Check::Mqtt(address) if address.port == 1883), "{text}");
    assert!(text.contains("# check: {tcp: \"10.0.0.5:8000\"}  (published as well)"), "{text}");
    machine.containers[0].ports = "0.0.0.0:32768->80/tcp".into();
    machine.answers = [(published(&machine.containers[0])[0].clone(), Answered::Tcp)].into();
    let text = new_file(&machine);
    assert!(parse_services(&text).unwrap()[0].settings.check.is_none() && text.contains("another one"), "{text}");
}

#[test]
fn the_operator_s_units_are_entries_a_package_s_are_comments() {
    let unit = |id: &str, path: &str, active: &str, more: &str| {
        let text = format!(
            "Id={id}\nLoadState=loaded\nActiveState={active}\nUnitFileState=enabled\nFragmentPath={path}\n{more}"
        );
        units::parse(&text).swap_remove(0)
    };
    let (own, package) = ("/etc/systemd/system", "/usr/lib/systemd/system");
    let system = [
        unit("backup.timer", &format!("{own}/backup.timer"), "active", ""),
        unit("relay.service", &format!("{own}/relay.service"), "active", "Type=simple"),
        unit("dead.service", &format!("{own}/dead.service"), "failed", "Result=exit-code\nExecMainStatus=2"),
        unit("getty@tty1.service", &format!("{package}/getty@.service"), "active", ""),
        unit("vpn@home.service", &format!("{own}/vpn@.service"), "active", ""),
        unit("mosquitto.service", &format!("{package}/mosquitto.service"), "active", ""),
        unit("ssh.service", &format!("{package}/ssh.service"), "active", ""),
        unit("hlctl-observe.timer", &format!("{own}/hlctl-observe.timer"), "active", ""),
    ];
    let own = unit("music.service", "/home/o/.config/systemd/user/music.service", "active", "");
    let units = system.into_iter().map(|u| (Scope::System, u)).chain([(Scope::User, own)]).collect();
    let text = new_file(&Machine { units, ..machine(&[]) });
    let services = parse_services(&text).unwrap();
    let names: Vec<&str> = services.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["backup.timer", "relay", "music"], "{text}");
    assert!(services.iter().all(|s| s.settings.runtime == Runtime::Systemd));
    assert_eq!(services[2].settings.scope, Scope::User);
    for line in ["its unit failed: exit code 2", "# - name: dead", "# - name: \"vpn@home\"", "# - name: mosquitto"] {
        assert!(text.contains(line), "no {line:?} in {text}");
    }
    assert!(!text.contains("getty") && !text.contains("ssh.service") && !text.contains("hlctl-observe"), "{text}");
}

#[test]
fn stacks_are_services_of_the_swarm() {
    let text = new_file(&machine(&[Container { stack: "shop", name: "shop_web.1.x", ..UP }]));
    assert_eq!(parse_services(&text).unwrap()[0].settings.runtime, Runtime::Swarm, "{text}");
}

#[test]
fn what_stands_there_stays_and_more_follows() {
    let found = || machine(&[project("blog", "/srv/lab/services/blog"), Container { name: "lone", ..UP }]);
    for (existing, want) in [
        (
            "# mine\nservices:\n- web   # first\n\n# the end\n",
            "# mine\nservices:\n- web   # first\n\n# the end\n# Compose project blog: web_1.\n- blog\n",
        ),
        (
            "services:\n    - name: web\n      monitor: false",
            "services:\n    - name: web\n      monitor: false\n    # Compose project blog: web_1.\n    - blog\n",
        ),
        (
            "services:\n  web:\n    monitor: false\n",
            "services:\n  web:\n    monitor: false\n  # Compose project blog: web_1.\n  blog: {}\n",
        ),
        ("# a\nservices: [] # none\n# b\n", "# a\nservices: # none\n# b\n  # Compose project blog: web_1.\n  - blog\n"),
        ("services:\r\n  - web\r\n", "services:\r\n  - web\r\n  # Compose project blog: web_1.\r\n  - blog\r\n"),
        (
            "# top\nservices:\n    # of the page\n    - name: web   # it\n      # not here\n      monitor: false\n\n    # of the mail\n    - mail\n    # of none\n\n# the end\n",
            "# top\nservices:\n    # of the page\n    - name: web   # it\n      # not here\n      monitor: false\n\n    # of the mail\n    - mail\n    # of none\n\n# the end\n    # Compose project blog: web_1.\n    - blog\n",
        ),
        (
            "services:\n    # of the page\n    web:\n        # not here\n        monitor: false\n    # of the mail\n    mail:\n# the end\n",
            "services:\n    # of the page\n    web:\n        # not here\n        monitor: false\n    # of the mail\n    mail:\n# the end\n    # Compose project blog: web_1.\n    blog: {}\n",
        ),
        ("\"services\":\n  - web\n", "\"services\":\n  - web\n  # Compose project blog: web_1.\n  - blog\n"),
        ("---\nservices:\n- web\n", "---\nservices:\n- web\n# Compose project blog: web_1.\n- blog\n"),
    ] {
        let text = written(&found(), Some(existing)).unwrap().unwrap();
        assert!(text.starts_with(want), "{text:?} should begin with {want:?}");
        assert!(text.contains("# The container lone was started without Compose"), "{text}");
        assert_eq!(written(&found(), Some(&text)).unwrap(), None, "a second time there is nothing new");
    }
}

#[test]
fn what_stands_between_brackets_stays_there_and_more_follows() {
    let away = Container { files: "/opt/app/docker-compose.yml", name: "app_web_1", ..project("app", "/opt/app") };
    let found = machine(&[away, project("blog", "/srv/lab/services/blog"), Container { name: "lone", ..UP }]);
    let app = "containers: [app_web_1], recipes: {redeploy: [[docker-compose, \"--file\", /opt/app/docker-compose.yml, \"--project-name\", app, up, \"-d\", \"--build\", \"--force-recreate\"]]}";
    let (item, setting) = (format!("{{name: app, {app}}}, blog"), format!("app: {{{app}}}, blog: {{}}"));
    for (existing, at, more) in [
        ("services: [web]\n", "[web", format!(", {item}")),
        ("services: [web, mail] # mine\n# the end", "mail", format!(", {item}")),
        ("services: [ {name: web, check: {command: ['it''s', \"]\\\"\"]}} ]\n", "}}", format!(", {item}")),
        ("services: [\n  web,  # the page\n  mail,  # ] no end\n  # none\n]\n", "mail,", format!(" {item}")),
        ("services:\n  [web]\n", "[web", format!(", {item}")),
        ("services: [ # none\n]\n", "[", item.clone()),
        ("'services': [web]\r\n", "[web", format!(", {item}")),
        ("services: {web: {monitor: false}}\n", "false}", format!(", {setting}")),
        ("services: {web: , }\n", ",", format!(" {setting}")),
        ("services: {web: }\n", "web:", format!(" , {setting}")),
        ("services: {web: {check: {http: \"http://x/#a}]\"}}} # x\n", "\"}}", format!(", {setting}")),
    ] {
        let text = written(&found, Some(existing)).unwrap_or_else(|e| panic!("{existing:?}: {e}")).unwrap();
        let (before, after) = existing.split_at(existing.rfind(at).unwrap() + at.len());
        let want = format!("{before}{more}{after}");
        let rest = text.strip_prefix(&want).unwrap_or_else(|| panic!("{text:?} should begin with {want:?}"));
        for line in [
            "# blog: Compose project blog: web_1.",
            "# app: It lies in /opt/app",
            "# - name: lone",
            "#   containers: [lone]",
        ] {
            assert!(rest.lines().any(|l| l.starts_with(line)), "no {line:?} in {rest:?}");
        }
        assert_eq!(existing.contains('\r'), rest.contains("\r\n"));
        assert_eq!(written(&found, Some(&text)).unwrap(), None, "a second time there is nothing new: {text}");
    }
}

#[test]
fn more_stands_before_the_end_of_the_document() {
    let found = machine(&[project("blog", "/srv/lab/services/blog")]);
    for (existing, want) in [
        (
            "services:\n  - web\n...\n# after\n",
            "services:\n  - web\n  # Compose project blog: web_1.\n  - blog\n...\n# after\n",
        ),
        ("services: [web]\n...", "services: [web, blog]\n# blog: Compose project blog: web_1.\n..."),
    ] {
        assert_eq!(written(&found, Some(existing)).unwrap().unwrap(), want);
    }
}

#[test]
fn what_is_known_under_another_name_is_not_added() {
    let found = machine(&[project("monitoring", "/srv/lab/services/m"), Container { name: "lone", ..UP }]);
    let known = "services:\n  - {name: grafana, project: monitoring}\n  - {name: alone, containers: [lone]}\n";
    assert_eq!(written(&found, Some(known)).unwrap(), None);
    let taken =
        "services:\n  - {name: monitoring, monitor: false, project: other}\n  - {name: a, containers: [lone]}\n";
    let text = written(&found, Some(taken)).unwrap().unwrap();
    assert!(text.contains("Another service has this name already."), "{text}");
}

#[test]
fn a_file_that_cannot_be_added_to_is_refused() {
    let found = machine(&[project("blog", "/srv/lab/services/blog")]);
    for (existing, why) in [
        ("{services: [web]}\n", "no line that begins"),
        ("? services\n: [web]\n", "no line that begins"),
        ("services: &all\n  - web\n", "on the line of their key"),
        ("services: &all [web]\n", "on the line of their key"),
        (
            "services:\n  - name: web\n    check: {command: [sh, -c, \"a\n b\"]}\n  - name: c\n    recipes:\n      redeploy:\n        - [x]\n",
            "",
        ),
    ] {
        match written(&found, Some(existing)) {
            Err(e) => assert!(!why.is_empty() && e.0.contains(why), "{existing:?}: {e}"),
            Ok(text) => assert!(why.is_empty(), "{existing:?}: {text:?}"),
        }
    }
}

#[test]
fn words_that_yaml_takes_for_something_else_are_quoted() {
    for (word, want) in [
        ("web", "web"),
        ("/srv/lab", "/srv/lab"),
        ("8080", "\"8080\""),
        ("No", "\"No\""),
        ("null", "\"null\""),
        ("a: b", "\"a: b\""),
        ("-x", "\"-x\""),
        ("", "\"\""),
        ("a\nb", "\"a\\nb\""),
    ] {
        assert_eq!(text::scalar(word), want);
        assert_eq!(serde_yaml::from_str::<String>(&text::scalar(word)).unwrap(), word);
    }
    for repo in [None, Some("/srv/lab"), Some("/srv/my lab")] {
        let file = parse_host(&host_file(&"box".parse().unwrap(), repo)).unwrap();
        assert_eq!(file.repo.as_ref().map(|r| r.as_str()), repo);
    }
}
