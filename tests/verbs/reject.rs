use crate::assert_session;
use crate::lab::Lab;
use crate::lab::terminal::Terminal;

const WEB: &str = "redeploy-piha-web";

#[test]
fn says_no_with_a_reason_that_stays() {
    let mut lab = Lab::drifted();
    lab.type_args(&["reject", WEB, "--reason", "not tonight", "--dry-run"]);
    assert_eq!(lab.states(WEB), ["pending"]);
    lab.type_args(&["reject", WEB, "--reason", "not tonight"]);
    assert_eq!(lab.states(WEB), ["rejected"]);
    lab.type_args(&["reject", "--all", "--reason", "nor this", "--json"]);
    lab.type_in(&format!("show {WEB}"));
    lab.type_args(&["reject", "--all", "--reason", "nothing left"]);
    assert_session!(lab);
}

#[test]
fn wrong_uses_say_what_to_do() {
    let mut lab = Lab::drifted();
    lab.type_in(&format!("reject {WEB}"));
    lab.type_args(&["reject", WEB, "--reason", " "]);
    lab.type_in("reject --reason no");
    lab.type_in("reject redeploy-pih-web --reason no");
    lab.ok(&["approve", WEB]);
    lab.type_in(&format!("reject {WEB} --reason no"));
    assert_eq!(lab.states(WEB), ["approved"]);
    assert_session!(lab);
}

#[test]
fn on_a_terminal_it_asks_one_by_one() {
    let lab = Lab::drifted();
    let mut terminal = Terminal::start(lab.command(&["reject", "--reason", "no"]));
    terminal.until("reject container-restart-piha-db? [y]es, [n]o, [q]uit: ");
    terminal.send("n\n");
    terminal.until("reject redeploy-piha-web? [y]es, [n]o, [q]uit: ");
    terminal.send("y\n");
    assert_eq!(terminal.end().1, 0);
    assert_eq!((lab.states(WEB), lab.states("container-restart-piha-db")), (vec!["rejected"], vec!["pending"]));
}
