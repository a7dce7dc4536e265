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
