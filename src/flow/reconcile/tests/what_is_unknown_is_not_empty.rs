//! Host files that cannot be read cancel and create nothing.

use super::*;

#[test]
fn a_broken_host_is_neither_cancelled_nor_created_for_and_the_others_are() {
    let lab = Lab::new([("vps", "[web]")], "piha seen=1m disk=high\nvps seen=1m").broken("piha");
    let lab = lab.open(S::Pending, REDEPLOY).open(S::Pending, RESTART).open(S::Pending, "disk_cleanup piha");
    assert_eq!(lab.changes(), ["+redeploy-vps-web"]);
}

#[test]
fn a_broken_host_is_not_cancelled_for_although_the_world_says_healthy() {
    let lab = Lab::new([("vps", "[]")], "piha/web healthy").broken("piha");
    assert_eq!(lab.open(S::Pending, REDEPLOY).changes(), nothing());
}

#[test]
fn an_alias_of_a_broken_host_is_as_unknown_as_the_host() {
    let lab = Lab::new([("vps", "[]")], "").broken("piha").alias_map(r#"{"node-1":"piha"}"#);
    assert_eq!(lab.open(S::Pending, "redeploy node-1/web").changes(), nothing());
}

#[test]
fn an_alias_that_two_hosts_claim_is_as_unknown_as_they_are() {
    let lab = Lab::new([("a", "[web]"), ("b", "[]"), ("c", "[]")], "");
    let lab = lab.host_file("a", "aliases: [x]").host_file("b", "aliases: [x]");
    assert_eq!(lab.open(S::Pending, "redeploy x/web").open(S::Pending, "redeploy a/web").changes(), nothing());
}

#[test]
fn missing_hosts_cancel_and_create_nothing() {
    let lab = Lab::new([], "piha seen=1m disk=high\npiha/web healthy").open(S::Pending, REDEPLOY);
    let missing = Desired { missing: true, ..Desired::default() };
    assert_eq!(changes(&lab.decide_with(&missing)), nothing());
}

#[test]
fn empty_hosts_cancel_and_create_nothing() {
    let lab = Lab::new([], "piha seen=1m disk=high\npiha/web healthy").open(S::Pending, REDEPLOY);
    assert_eq!(lab.changes(), nothing());
}

#[test]
fn a_hosts_folder_that_could_be_listed_in_part_only_cancels_nothing() {
    let lab = Lab::new([("vps", "[]")], "").open(S::Pending, REDEPLOY);
    let half = Desired { missing: true, ..lab.desired() };
    assert_eq!(changes(&lab.decide_with(&half)), nothing());
}
