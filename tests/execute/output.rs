//! A step that prints without end: little is kept and little memory is used.

use crate::lab::{Lab, service, until};

fn prints(mebibytes: u64) {
    let script = format!("yes 0123456789abcdef | head -c {}; echo the end", mebibytes << 20);
    let lab = Lab::new(&format!("[{}]", service("web", &script, "")));
    lab.approve(&["box/web"]);
    let mut executor = lab.start(&["execute"]);
    let mut peak = 0;
    until("the end", || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", executor.id())).unwrap_or_default();
        let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        let kib = line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or(0));
        executor.try_wait().unwrap().is_some()
    });
    assert_eq!(lab.show("redeploy-box-web")["state"], "completed");
    let files = walkdir::WalkDir::new(lab.path("actions/logs")).into_iter().map(|e| e.unwrap().metadata().unwrap());
    let kept: u64 = files.filter(|m| m.is_file()).map(|m| m.len()).sum();
    assert!(kept <= 4 << 20, "{kept} bytes were kept");
    assert!(lab.ok(&["logs", "redeploy-box-web"]).ends_with("the end\n"));
    assert!((1..24 * 1024).contains(&peak), "{peak} KiB of memory");
}

#[test]
fn of_a_long_output_both_ends_are_kept() {
    prints(128);
}

#[test]
#[ignore = "1 GiB: run by hand"]
fn of_a_gibibyte_both_ends_are_kept() {
    prints(1024);
}
