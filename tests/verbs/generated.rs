use crate::assert_session;
use crate::lab::Lab;

#[test]
fn completions_are_printed_without_a_root() {
    let lab = Lab::bare();
    for shell in ["bash", "zsh", "fish", "elvish"] {
        assert!(lab.ok(&["completions", shell]).contains("reconcile"), "{shell}");
    }
    assert!(!lab.root().exists());
}

#[test]
fn manual_pages_are_printed_or_written_without_a_root() {
    let lab = Lab::bare();
    assert!(lab.ok(&["man"]).contains(".TH hlctl 1"));
    assert!(lab.ok(&["man", "approve"]).contains(".TH hlctl-approve 1"));
    let pages = lab.beside("pages");
    lab.ok(&["man", "--dir", pages.to_str().unwrap()]);
    assert!(pages.join("hlctl-files.5").is_file());
    assert!(!lab.root().exists());
}

#[test]
fn the_version_and_the_help_are_results() {
    let lab = Lab::bare();
    assert_eq!(lab.ok(&["--version"]), format!("hlctl {}\n", env!("CARGO_PKG_VERSION")));
    assert!(lab.ok(&["--help"]).contains("observe, reconcile, approve, execute"));
    let run = lab.run::<&str>(&[]);
    assert_eq!((run.code, run.out.as_str()), (2, ""), "{run:?}");
}

#[test]
fn wrong_uses_say_what_to_do() {
    let mut lab = Lab::bare();
    lab.type_in("completions tcsh");
    lab.type_in("completions");
    lab.type_in("man aprove");
    lab.type_in("man approve --dir pages");
    lab.type_in("aprove");
    assert_session!(lab);
}
