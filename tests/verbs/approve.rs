use crate::assert_session;
use crate::lab::Lab;
use crate::lab::terminal::Terminal;

const WEB: &str = "redeploy-piha-web";
const DB: &str = "container-restart-piha-db";

#[test]
fn pins_the_plan_and_prints_its_digest() {
    let mut lab = Lab::drifted();
    lab.type_in(&format!("approve {WEB} --dry-run"));
    assert_eq!(lab.states(WEB), ["pending"]);
    lab.type_args(&["approve", WEB, "--note", "after the \"backup\""]);
    assert_eq!(lab.states(WEB), ["approved"]);
    lab.type_in("approve --risk low --json");
    lab.type_in("approve --all");
    assert_session!(lab);
}

#[test]
fn selects_by_node_risk_or_all() {
    for (args, approved) in [
        (vec!["--node", "piha"], [true, true]),
        (vec!["--risk", "low"], [false, true]),
        (vec!["--risk", "guarded"], [true, false]),
        (vec!["--all"], [true, true]),
        (vec![WEB, WEB], [true, false]),
        (vec!["--all", "--risk", "low"], [false, true]),
    ] {
        let lab = Lab::drifted();
        let run = lab.run(&[&["approve"], args.as_slice()].concat());
        assert_eq!(run.code, 0, "{args:?}: {run:?}");
        let found = [WEB, DB].map(|id| lab.states(id) == ["approved"]);
        assert_eq!(found, approved, "{args:?}");
    }
}

#[test]
fn a_digest_of_another_plan_is_refused() {
    let mut lab = Lab::drifted();
    let plan = lab.json(&["plan", WEB]);
    let digest = plan["plans"][0]["plan"]["digest"].as_str().unwrap().to_owned();
    lab.type_in(&format!("approve {WEB} --digest sha256:00"));
    assert_eq!(lab.states(WEB), ["pending"]);
    lab.type_in(&format!("approve {WEB} --digest {digest}"));
    assert_eq!(lab.states(WEB), ["approved"]);
    assert_session!(lab);
}

#[test]
fn some_of_several_is_exit_1_and_the_rest_is_done() {
    let mut lab = Lab::drifted();
    lab.ok(&["reject", DB, "--reason", "no"]);
    lab.type_in(&format!("approve {DB} {WEB}"));
    lab.type_in(&format!("approve {DB} --json"));
    assert_eq!(lab.states(WEB), ["approved"]);
    assert_session!(lab);
}

#[test]
fn wrong_uses_say_what_to_do() {
    let mut lab = Lab::drifted();
    lab.type_in("approve");
    lab.type_in("approve redeploy-piha-wep");
    lab.type_in("approve ../../etc/passwd");
    lab.type_in("approve --node pihaa");
    lab.type_in("approve --risk high");
    lab.type_in("approve --digest sha256:00");
    assert_session!(lab);
}

#[test]
fn on_a_terminal_it_asks_one_by_one_and_pins_the_plan_that_it_showed() {
    let lab = Lab::drifted();
    let mut terminal = Terminal::start(lab.command(&["approve"]));
    let shown = terminal.until(&format!("approve {DB}? [y]es, [n]o, [q]uit: "));
    assert!(shown.contains("sh -c") && shown.contains("digest sha256:"), "the plan is shown: {shown}");
    terminal.send("perhaps\n");
    terminal.until("y, n or q: ");
    terminal.send("n\n");
    let shown = terminal.until(&format!("approve {WEB}? [y]es, [n]o, [q]uit: "));
    let digest = shown.split("digest ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    terminal.send("yes\n");
    let (rest, code) = terminal.end();
    assert!(rest.contains("approved ") && rest.contains(&digest), "{rest}");
    assert_eq!((code, lab.states(DB), lab.states(WEB)), (0, vec!["pending"], vec!["approved"]));
    assert_eq!(lab.json(&["show", WEB])["plan"]["digest"], digest.as_str());
}

#[test]
fn on_a_terminal_a_plan_that_changed_after_it_was_shown_is_not_approved() {
    let lab = Lab::drifted();
    let mut terminal = Terminal::start(lab.command(&["approve"]));
    terminal.until(&format!("approve {DB}? [y]es, [n]o, [q]uit: "));
    let services = lab.read("hosts/piha/services.yaml").replace("echo", "echo changed");
    lab.put("hosts/piha/services.yaml", services);
    terminal.send("y\n");
    terminal.until(&format!("approve {WEB}? [y]es, [n]o, [q]uit: "));
    terminal.send("q\n");
    let (rest, code) = terminal.end();
    assert!(rest.contains("its plan is now sha256:") && rest.contains("help:"), "{rest}");
    assert_eq!((code, lab.states(DB), lab.states(WEB)), (1, vec!["pending"], vec!["pending"]));
}

#[test]
fn on_a_terminal_the_end_of_the_input_approves_nothing() {
    let lab = Lab::drifted();
    let mut terminal = Terminal::start(lab.command(&["approve"]));
    terminal.until(&format!("approve {DB}? [y]es, [n]o, [q]uit: "));
    terminal.send("\u{4}");
    assert_eq!(terminal.end().1, 0);
    assert_eq!((lab.states(DB), lab.states(WEB)), (vec!["pending"], vec!["pending"]));
}

#[test]
fn on_a_terminal_a_selection_is_not_asked_about() {
    let lab = Lab::drifted();
    let (said, code) = Terminal::start(lab.command(&["approve", "--all"])).end();
    assert!(code == 0 && !said.contains('?'), "{said}");
    assert_eq!((lab.states(DB), lab.states(WEB)), (vec!["approved"], vec!["approved"]));
}
