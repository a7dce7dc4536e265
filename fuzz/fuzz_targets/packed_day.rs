//! A compressed day, read as `.jsonl.gz` and as `.jsonl.zst`: the pass ends in bounded memory, and pruning, which reads
//! it in its own way, changes nothing of the world.
#![no_main]

use std::path::Path;

use hlctl::flow::retention::Retention;
use hlctl::flow::time::Stamp;
use hlctl::store::events::{self, Limits, Meter, Reading};
use hlctl::store::root::Root;
use libfuzzer_sys::fuzz_target;

const NOW: Stamp = Stamp::from_millis(1_795_418_000_000);
const DAY: &str = "events/2026-11-20";

fuzz_target!(|bytes: &[u8]| {
    let dir = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir_all(dir.path().join(DAY)).expect("a folder");
    for name in ["a.jsonl.gz", "b.jsonl.zst"] {
        std::fs::write(dir.path().join(DAY).join(name), bytes).expect("a file");
    }
    let root = Root::open(dir.path()).expect("the root is there");
    let first = read(&root);
    assert_eq!(first.unreadable(), 0, "damage is set aside, it is no trouble with the disk");
    prune(&root, &first);
});

fn read(root: &Root) -> Reading {
    events::read(root, NOW, true, &Meter::default()).expect("a damaged file is no reason to fail")
}

fn prune(root: &Root, before: &Reading) {
    let fold = events::fold(root, NOW, &Meter::default()).expect("as above");
    let keep = Retention { fold: &fold, from: NOW };
    for dry_run in [true, false] {
        let limits = Limits { now: NOW, keep_from: NOW, compress_before: None, dry_run };
        let pruned = events::prune(root, &keep, limits).expect("the folder can be listed");
        assert!(pruned.errors.is_empty(), "{:?}", pruned.errors);
    }
    let after = read(root);
    assert_eq!((after.tally().as_of, after.tally().world), (before.tally().as_of, before.tally().world));
    assert!(
        !Path::new(&root.path().join(DAY)).exists() || after.tally().as_of.is_some() || after.waiting().count() > 0
    );
}
