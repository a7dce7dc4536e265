//! What `plan --fetch` shows of the commits that a redeploy would bring.

use std::process::Command;

use crate::lab::Lab;
use crate::needs;

#[test]
fn a_secret_in_a_commit_is_masked_wherever_it_is_kept_or_shown() {
    if !needs::program("git") {
        return;
    }
    let lab = Lab::new("[]");
    lab.host("box", "connection: local\nrepo: ~/repo", "[web]");
    let git = |argv: &[&str]| {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main"]).args(argv);
        let output = git.current_dir(lab.path("")).env("GIT_CONFIG_NOSYSTEM", "1").output().unwrap();
        assert!(output.status.success(), "{argv:?}: {output:?}");
    };
    git(&["init", "-q", "--bare", "remote.git"]);
    git(&["clone", "-q", "remote.git", "author"]);
    let commit = |text: &str, subject: &str| {
        let project = lab.path("author/services/web");
        std::fs::create_dir_all(&project).unwrap();
        std::fs::write(project.join("compose.yml"), text).unwrap();
        git(&["-C", "author", "add", "-A"]);
        git(&["-C", "author", "commit", "-qm", subject]);
        git(&["-C", "author", "push", "-q", "origin", "HEAD"]);
    };
    commit("services: {}\n", "one");
    git(&["clone", "-q", "remote.git", "repo"]);
    std::fs::write(lab.path("repo/services/web/.env"), "DB_PASSWORD=hunter22\n").unwrap();
    commit("services: {web: {image: 'a:hunter22'}}\n", "set the password to hunter22, not opensesame");
    lab.ok(&["request", "redeploy", "box", "web"]);
    let fetch = ["--json", "plan", "redeploy-box-web", "--fetch"];
    let output = lab.command(&fetch).env("OLD_TOKEN", "opensesame").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("set the password to ***, not ***") && said.contains("image: 'a:***'"), "{said}");
    let kept = lab.read("actions/pending/redeploy-box-web.json");
    assert!(kept.contains("set the password to ***"), "{kept}");
    let shown = lab.ok(&["show", "redeploy-box-web"]) + &lab.ok(&["digest"]) + &lab.ok(&["audit"]);
    for text in [said, kept, shown] {
        assert!(!text.contains("hunter22") && !text.contains("opensesame"), "{text}");
    }
}
