use crate::assert_session;
use crate::lab::Lab;

#[test]
fn tells_what_is_wrong_first() {
    let mut lab = Lab::drifted();
    lab.type_in("digest");
    assert_session!(lab);
}

#[test]
fn the_json_form_holds_the_same_text_and_its_size_is_bounded() {
    let lab = Lab::drifted();
    let json = lab.json(&["digest"]);
    assert!(json["markdown"].as_str().unwrap().starts_with("# Homelab state"));
    for max in ["4000", "1000", "300"] {
        let run = lab.run(&["digest", "--max", max]);
        assert_eq!(run.code, 0, "{run:?}");
        assert!(run.out.len() <= max.parse::<usize>().unwrap() + 1, "{max}: {}", run.out.len());
    }
}

#[test]
fn tells_what_happened_last_and_what_can_be_done_about_it() {
    let lab = Lab::new();
    let failing = "[[sh, -c, \"echo error: denied >&2; exit 7\"]]";
    lab.host("piha", format!("services: [{{name: web, runtime: command, recipes: {{redeploy: {failing}}}}}]\n"));
    lab.ok(&["request", "redeploy", "piha", "web"]);
    lab.ok(&["approve", "redeploy-piha-web"]);
    assert_eq!(lab.run(&["execute"]).code, 4);
    let whole = lab.ok(&["digest"]);
    for told in [
        "## Last lines of redeploy-piha-web, which is failed\n",
        "\n    error: denied\n",
        " piha action_failed web step_failed\n",
        "- piha/web: command, no check\n",
        "by execute via execute: step_failed: error: denied\n",
    ] {
        assert!(whole.contains(told), "{told}: {whole}");
    }
    assert!(!whole.contains("step_failed: step_failed"), "{whole}");
    let action = lab.ok(&["digest", "--action", "redeploy-piha-web"]);
    assert!(action.contains("\n## Desired state\n\n- web: command, no check\n"), "{action}");
    assert!(action.contains("`hlctl reconcile` queues it again"), "{action}");
    let ended = "\n## Last lines of redeploy-piha-web, which is failed\n";
    for part in [&["digest", "--node", "piha"][..], &["digest", "--node", "piha", "--service", "web"]] {
        let told = lab.ok(part);
        assert!(told.contains(ended) && told.contains("\n    error: denied\n"), "{told}");
    }
    let events = "\n## What changed in the last day, newest first\n\n- ";
    assert!(action.contains(events) && action.contains(" action_failed web step_failed\n"), "{action}");
    assert!(!action.contains("hlctl approve") && !action.contains("hlctl reject"), "it is over: {action}");
}

#[test]
fn of_hundreds_of_services_every_part_has_its_place() {
    let lab = Lab::new();
    for node in 0..10 {
        let names: Vec<String> = (0..40).map(|n| format!("service-{n}")).collect();
        lab.host(&format!("node-{node}"), format!("services: [{}]\n", names.join(", ")));
    }
    let whole = lab.ok(&["digest"]);
    assert!(whole.contains("400 services are desired: `hlctl digest --node NODE`"), "{whole}");
    assert!(whole.contains("\n## What the operator may do\n") && whole.len() <= 32 * 1024, "{}", whole.len());
}

#[test]
fn wrong_uses_say_what_to_do() {
    let mut lab = Lab::bare();
    lab.type_in("digest");
    lab.ok(&["init"]);
    lab.type_in("digest --max much");
    lab.type_in("digest piha");
    assert_session!(lab);
}

#[test]
fn a_part_is_told_of_by_itself() {
    let mut lab = Lab::drifted();
    lab.type_in("digest --node piha");
    lab.type_in("digest --node piha --service db");
    lab.type_in("digest --action container-restart-piha-db");
    lab.type_in("digest --node pihaa");
    lab.type_in("digest --node piha --service dbb");
    lab.type_in("digest --action container-restart-piha-dbb");
    lab.type_in("digest --service db");
    lab.type_in("digest --node piha --action container-restart-piha-db");
    assert_session!(lab);
}
