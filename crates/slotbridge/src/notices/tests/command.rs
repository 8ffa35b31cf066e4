//! Real commands, in real time.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use slotbridge_platform::system_seam::SystemSeam;

use super::*;
use crate::notices::target::{Failure, Retry};
use crate::notices::template::Template;

fn script(folder: &Path, text: &str) -> String {
    let path = folder.join("tell");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    path.to_str().unwrap().to_owned()
}

async fn run(argv: Vec<String>, template: Option<&str>, timeout: Duration) -> Result<(), Failure> {
    let template = template.map(|source| Template::new(source, |_| true).unwrap());
    let target = Target {
        timeout,
        ..target("mail", Way::Command { argv, template })
    };
    let means = Means {
        seam: Arc::new(SystemSeam::new()),
        transport: Hosts::new([]),
    };
    let notice = Notice::of_moment(Kind::Test, at("2026-11-28T10:00:00Z"), words::test("mail"));
    target.bring(&notice, &means).await
}

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_command_gets_the_json_its_arguments_and_nothing_of_our_environment() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let script = script(
        folder.path(),
        "cat > \"$1.json\"\nenv > \"$1.env\"\nprintf '%s' \"$2\" > \"$1.two\"",
    );
    // No shell reads the arguments.
    let two = "$HOME `id` ; x";
    let argv = vec![script, out.to_str().unwrap().to_owned(), two.to_owned()];
    run(argv, None, LONG).await.unwrap();
    let read =
        |end: &str| std::fs::read_to_string(folder.path().join(format!("out.{end}"))).unwrap();
    let json: serde_json::Value = serde_json::from_str(&read("json")).unwrap();
    assert_eq!(json["kind"], "test");
    assert_eq!(json["at"], "2026-11-28T10:00:00Z");
    assert_eq!(read("two"), two);
    // The shell of the script adds some of its own.
    let env = read("env");
    let names: BTreeSet<&str> = env
        .lines()
        .filter_map(|line| line.split('=').next())
        .collect();
    assert!(
        std::env::var_os("CARGO_PKG_NAME").is_some(),
        "the tests have an environment"
    );
    let known = BTreeSet::from(["PATH", "LANG", "PWD", "OLDPWD", "SHLVL", "_"]);
    assert!(names.is_subset(&known), "{env}");
}

#[tokio::test]
async fn a_command_with_a_template_gets_the_users_words() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let argv = vec![
        script(folder.path(), "cat > \"$1\""),
        out.to_str().unwrap().to_owned(),
    ];
    let mail = "To: owner@example.com\nSubject: slotbridge: {{ title }}\n\n{{ text }}\n";
    run(argv, Some(mail), LONG).await.unwrap();
    assert_eq!(
        std::fs::read_to_string(out).unwrap(),
        "To: owner@example.com\nSubject: slotbridge: a test\n\nThis is a test: notices to mail arrive.\n"
    );
}

#[tokio::test]
async fn a_command_that_fails_says_so_with_its_code() {
    let folder = tempfile::tempdir().unwrap();
    let failing = script(folder.path(), "echo 'no such mailbox' >&2; exit 75");
    let failure = run(vec![failing], None, LONG).await.unwrap_err();
    assert_eq!(failure.why, "the command exited with 75");
    assert_eq!(failure.retry, Retry::Yes);
    assert_eq!(failure.reply.as_deref(), Some("no such mailbox"));
    let absent = folder.path().join("absent").to_str().unwrap().to_owned();
    let failure = run(vec![absent], None, LONG).await.unwrap_err();
    assert_eq!(failure.retry, Retry::No);
}

#[tokio::test]
async fn a_command_that_reads_nothing_and_says_much_is_fine() {
    let folder = tempfile::tempdir().unwrap();
    let loud = script(
        folder.path(),
        "exec 0<&-; yes | head -c 300000 >&2; yes | head -c 300000",
    );
    run(vec![loud], None, LONG).await.unwrap();
}

#[tokio::test]
async fn a_command_that_hangs_is_killed_and_what_it_left_behind_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let hanging = script(folder.path(), "echo $$ > \"$1\"; exec sleep 1000");
    let argv = vec![hanging, pid.to_str().unwrap().to_owned()];
    let failure = run(argv, None, Duration::from_secs(2)).await.unwrap_err();
    assert!(failure.why.contains("was killed"), "{}", failure.why);
    assert_eq!(failure.retry, Retry::Yes);
    let pid = std::fs::read_to_string(pid).unwrap();
    assert!(
        !Path::new("/proc").join(pid.trim()).exists(),
        "{pid} still runs"
    );
    // One that ends and leaves a child behind that holds its streams.
    let leaving = script(folder.path(), "sleep 5 & exit 0");
    let began = std::time::Instant::now();
    run(vec![leaving], None, LONG).await.unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "it was waited for"
    );
}
