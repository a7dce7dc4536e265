//! Units of systemd: real ones where it runs. Where it does not, its program says so, and nothing is made of that.

use std::path::Path;

use crate::lab::Lab;
use crate::needs;

#[test]
fn units_are_what_systemd_says_of_them() {
    if !needs::program("systemctl") {
        return;
    }
    let lab = Lab::new();
    let closed = "{command: ['true']}";
    lab.services(&format!(
        "services:\n  - {{name: systemd-journald, runtime: systemd}}\n  - {{name: no-such-unit, runtime: systemd}}\n\
         \x20 - {{name: checked, runtime: systemd, scope: user, check: {closed}}}\n"
    ));
    let pass = lab.passes(2);
    if Path::new("/run/systemd/system").is_dir() {
        assert_eq!(lab.told("systemd-journald"), "healthy", "{pass:?}");
        assert_eq!(lab.told("no-such-unit"), "removed", "{pass:?}");
        return;
    }
    assert_eq!(pass.code, 1, "{pass:?}");
    assert_eq!(pass.found("systemd-journald"), "unknown");
    assert!(pass.err.contains("nothing is known of no-such-unit, systemd-journald: "), "{}", pass.err);
    assert_eq!(lab.told("systemd-journald"), "nothing");
    assert_eq!(pass.found("checked"), "healthy", "its check speaks for it");
}
