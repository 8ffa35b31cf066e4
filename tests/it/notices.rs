//! `slotbridge notice test` and what `check` says of notices: with a real command and a real listener.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::Stage;

/// Answers one request with a status, and gives what was sent.
fn answering(status: &'static str) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/planted-token", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut buffer = [0; 4096];
        while !request.ends_with(b"}") {
            let read = stream.read(&mut buffer).unwrap();
            assert!(read > 0, "the request broke off");
            request.extend_from_slice(&buffer[..read]);
        }
        let body = "chat not found for planted-token";
        write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        String::from_utf8(request).unwrap()
    });
    (url, thread)
}

fn add(stage: &Stage, tables: &str) {
    let text = std::fs::read_to_string(stage.config()).unwrap();
    stage.write_config(&format!("{text}\n{tables}"));
}

#[test]
fn every_target_is_tried_and_what_it_answers_is_said_without_its_token() {
    let stage = Stage::empty();
    let ran = stage.run(&["notice", "test"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("no target for notices"), "{ran:?}");

    let script = stage.folder.path().join("tell");
    let out = stage.folder.path().join("out");
    std::fs::write(&script, "#!/bin/sh\ncat > \"$1\"\n").unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
    let (url, request) = answering("400 Bad Request");
    let tables = format!(
        "[notices.target.mail]\nkind = \"command\"\ncommand = [{:?}, {:?}]\ntemplate = \"{{{{ title }}}} for {{{{ \
         details.target|default('you') }}}}\"\n[notices.target.owner]\nkind = \"message\"\nurl = \"{url}\"\n\
         fields = {{ chat_id = \"123\" }}\n",
        script.to_str().unwrap(),
        out.to_str().unwrap()
    );
    add(&stage, &tables);
    let ran = stage.run(&["notice", "test", "-vvv"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let said = format!("{}{}", ran.stdout, ran.stderr);
    assert!(said.contains("mail: handed to the command"), "{said}");
    assert!(
        said.contains("the answer was 400; it said: chat not found for ‹secret›"),
        "{said}"
    );
    assert!(!said.contains("planted"), "{said}");
    assert_eq!(std::fs::read_to_string(&out).unwrap(), "a test for mail");
    let request = request.join().unwrap();
    assert!(request.starts_with("POST /planted-token "), "{request}");
    assert!(
        request.ends_with("\"text\":\"This is a test: notices to owner arrive.\"}"),
        "{request}"
    );

    // One alone, for a program.
    std::fs::remove_file(&out).unwrap();
    let ran = stage.run(&["notice", "test", "mail", "--format", "json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["targets"][0]["target"], "mail");
    assert_eq!(report["targets"][0]["arrived"], true);
    assert!(out.exists());
    let ran = stage.run(&["notice", "test", "mial"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("did you mean \"mail\"?"), "{ran:?}");
}

#[test]
fn check_says_who_is_told() {
    let stage = Stage::empty();
    let ran = stage.run(&["check"]);
    assert!(ran.stdout.contains("notices: nobody is told"), "{ran:?}");
    add(
        &stage,
        "[notices.target.owner]\nkind = \"webhook\"\nurl = \"https://hooks.example.com/planted-token\"\n",
    );
    let ran = stage.run(&["check"]);
    let expected = "notices: go to owner (a webhook on hooks.example.com)";
    assert!(ran.stdout.contains(expected), "{ran:?}");
    assert!(!format!("{ran:?}").contains("planted-token"), "{ran:?}");
}
