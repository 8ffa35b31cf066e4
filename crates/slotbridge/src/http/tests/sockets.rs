//! The server on loopback: from the first byte to the last, with a database on threads.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::*;

struct Served {
    stage: Stage,
    address: SocketAddr,
    shutdown: CancellationToken,
    serving: JoinHandle<()>,
}

async fn served(limits: Limits) -> Served {
    let stage = stage_with(limits, Works::OnThreads);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let serving = tokio::spawn(serve(listener, stage.parts.clone(), shutdown.clone()));
    Served {
        stage,
        address,
        shutdown,
        serving,
    }
}

fn request(token: &str, body: &str) -> String {
    format!(
        "POST /webhooks/salon/{token} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Longer than any wait that is meant to be.
const TOO_LONG: Duration = Duration::from_secs(10);

/// Reads until the answer's head is there, or the other end is closed.
async fn head(stream: &mut TcpStream) -> String {
    tokio::time::timeout(TOO_LONG, read_head(stream))
        .await
        .expect("the server answers or hangs up")
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).await.unwrap_or(0) == 1 {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn webhooks_come_in_over_one_connection_and_are_on_the_disk_when_they_are_answered() {
    let served = served(Limits::default()).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    for record in [501, 502] {
        let request = request(TOKEN, &about(record));
        stream.write_all(request.as_bytes()).await.unwrap();
        let head = head(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(
            head.to_ascii_lowercase().contains("content-length: 0\r\n"),
            "{head}"
        );
    }
    assert_eq!(served.stage.waiting().await, ["501", "502"]);
    let wrong = request("wrong", &about(503));
    stream.write_all(wrong.as_bytes()).await.unwrap();
    let head = head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 404 Not Found\r\n"), "{head}");
}

#[tokio::test]
async fn a_head_that_does_not_come_and_an_idle_connection_do_not_hold_a_seat() {
    let served = served(Limits {
        head_timeout: Duration::from_millis(50),
        connections_max: 1,
        ..Limits::default()
    })
    .await;
    let mut slow = TcpStream::connect(served.address).await.unwrap();
    slow.write_all(b"POST /webhooks/sal").await.unwrap();
    // There is one seat only: this one is answered after the slow one was cut off.
    let mut good = TcpStream::connect(served.address).await.unwrap();
    good.write_all(request(TOKEN, &about(1)).as_bytes())
        .await
        .unwrap();
    assert!(head(&mut good).await.starts_with("HTTP/1.1 200 OK\r\n"));
    // And this one after the good one has been idle.
    let mut next = TcpStream::connect(served.address).await.unwrap();
    next.write_all(request(TOKEN, &about(2)).as_bytes())
        .await
        .unwrap();
    assert!(head(&mut next).await.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn a_body_that_trickles_is_cut_off() {
    let served = served(Limits {
        body_timeout: Duration::from_millis(50),
        ..Limits::default()
    })
    .await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let all = request(TOKEN, &about(1));
    stream
        .write_all(&all.as_bytes()[..all.len() - 5])
        .await
        .unwrap();
    let head = head(&mut stream).await;
    assert!(
        head.starts_with("HTTP/1.1 408 Request Timeout\r\n"),
        "{head}"
    );
    assert_eq!(served.stage.waiting().await, [""; 0]);
}

#[tokio::test]
async fn the_end_waits_for_what_is_under_way_but_not_for_ever() {
    let served = served(Limits {
        shutdown_timeout: Duration::from_millis(100),
        body_timeout: Duration::from_mins(10),
        ..Limits::default()
    })
    .await;
    let mut idle = TcpStream::connect(served.address).await.unwrap();
    let mut hanging = TcpStream::connect(served.address).await.unwrap();
    let all = request(TOKEN, &about(1));
    hanging
        .write_all(&all.as_bytes()[..all.len() - 5])
        .await
        .unwrap();
    // Both are known to the server once a third one was answered.
    let mut third = TcpStream::connect(served.address).await.unwrap();
    third
        .write_all(request(TOKEN, &about(2)).as_bytes())
        .await
        .unwrap();
    assert!(head(&mut third).await.starts_with("HTTP/1.1 200 OK\r\n"));
    served.shutdown.cancel();
    tokio::time::timeout(TOO_LONG, served.serving)
        .await
        .unwrap()
        .unwrap();
    for stream in [&mut idle, &mut hanging] {
        assert_eq!(head(stream).await, "");
    }
    assert!(TcpStream::connect(served.address).await.is_err());
}

#[tokio::test]
async fn a_request_under_way_at_the_end_is_answered() {
    let served = served(Limits::default()).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let all = request(TOKEN, &about(1));
    let (first, rest) = all.as_bytes().split_at(all.len() - 5);
    stream.write_all(first).await.unwrap();
    let mut other = TcpStream::connect(served.address).await.unwrap();
    other
        .write_all(request(TOKEN, &about(2)).as_bytes())
        .await
        .unwrap();
    head(&mut other).await;
    served.shutdown.cancel();
    stream.write_all(rest).await.unwrap();
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 200 OK\r\n"));
    tokio::time::timeout(TOO_LONG, served.serving)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(served.stage.waiting().await, ["2", "1"]);
}
