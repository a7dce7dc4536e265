use crate::assert_session;
use crate::lab::Lab;

#[test]
fn prints_what_would_run_of_one_of_a_node_or_of_all() {
    let mut lab = Lab::drifted();
    lab.type_in("plan");
    lab.type_in("plan redeploy-piha-web --json");
    lab.type_in("plan --node piha");
    assert_session!(lab);
}

#[test]
fn a_host_over_ssh_shows_the_words_as_they_will_be_run() {
    let mut lab = Lab::new();
    lab.host(
        "vps",
        "services: [{name: web, compose: services/web, containers: [web, web-db], check: {tcp: \"127.0.0.1:80\"}, min_healthy: 30s, timeout: 90s}]\n",
    );
    lab.put("hosts/vps/host.yaml", "ssh: oskar@100.95.58.48\nrepo: ~/lab\n");
    lab.put("hosts/vps/runtime/web/docker-compose.override.yml", "");
    for kind in ["redeploy", "container_restart"] {
        lab.ok(&["request", kind, "vps", "web"]);
        lab.type_in("plan");
        lab.ok(&["reject", "--all", "--reason", "next"]);
    }
    assert_session!(lab);
}

#[test]
fn the_plan_that_is_shown_is_the_one_that_is_pinned_and_run() {
    let lab = Lab::drifted();
    let shown = lab.json(&["plan", "redeploy-piha-web"]);
    lab.ok(&["approve", "redeploy-piha-web"]);
    lab.ok(&["execute"]);
    let ran = lab.json(&["show", "redeploy-piha-web"]);
    assert_eq!(ran["plan"], shown["plans"][0]["plan"]);
    assert_eq!(lab.ledger(), ["redeploy web"]);
}

#[test]
fn a_plan_that_cannot_be_made_is_exit_1() {
    let mut lab = Lab::drifted();
    lab.host("piha", "services: [{name: web, runtime: command}]\n");
    lab.type_in("plan");
    assert_session!(lab);
}

#[test]
fn wrong_uses_say_what_to_do() {
    let mut lab = Lab::drifted();
    lab.type_in("plan redeploy-piha-wev");
    lab.type_in("plan --node phia");
    lab.type_in("plan redeploy-piha-web --node piha");
    assert_session!(lab);
}
