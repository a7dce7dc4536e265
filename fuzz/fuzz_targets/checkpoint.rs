//! The observer's checkpoint: no bytes make it panic, what is believed is written again as it is, and a pass that
//! starts from it ends.
#![no_main]

use hlctl::flow::time::Stamp;
use hlctl::store::events::{
    self, Meter,
    checkpoint_inspect::{rewrite, seal},
};
use hlctl::store::root::Root;
use libfuzzer_sys::fuzz_target;

const NOW: Stamp = Stamp::from_millis(1_795_418_000_000);

thread_local! {
    static DIR: tempfile::TempDir = {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let day = dir.path().join("events/2026-11-20");
        std::fs::create_dir_all(&day).expect("a folder");
        std::fs::create_dir(dir.path().join("state")).expect("a folder");
        let line = r#"{"ts":1795200000,"node":"n","type":"service_healthy","service":"s"}"#;
        std::fs::write(day.join("a.jsonl"), format!("{line}\n")).expect("a file");
        dir
    };
}

fuzz_target!(|bytes: &[u8]| {
    if let Some(again) = rewrite(bytes) {
        // The fuzzer has made a checksum of its own more than once: spaces between the tokens are then left out.
        assert_eq!(rewrite(again.as_bytes()).as_ref(), Some(&again), "written otherwise than it was read");
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // The checksum keeps all but chance away from what lies behind it: the second look is without.
    let body = text.split_once(",\"index\":").map_or(text, |(_, body)| body);
    let file = seal(body);
    let Some(again) = rewrite(file.as_bytes()) else { return };
    assert_eq!(rewrite(again.as_bytes()).as_ref(), Some(&again), "what was written is not believed");
    DIR.with(|dir| {
        let root = Root::open(dir.path()).expect("the root is there");
        std::fs::write(root.state("observer_checkpoint.json"), again).expect("a file");
        let reading = events::read(&root, NOW, false, &Meter::default()).expect("a checkpoint is no reason to fail");
        let _ = (reading.rejects(), reading.unreadable(), reading.waiting().nodes());
    });
});
