//! Many webhooks at once. How long their answers take is measured by `benches/webhooks.rs`.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

/// Sends webhooks over several connections, on each one after the answer to the one before.
async fn send(connections: u64, each: u64) -> Stage {
    let stage = stage_with(Limits::default(), Works::OnThreads);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let serving = tokio::spawn(serve(listener, stage.parts.clone(), shutdown.clone()));
    let senders: Vec<_> = (0..connections)
        .map(|connection| {
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                for number in 0..each {
                    let body = about(1 + connection * each + number);
                    let request = format!(
                        "POST /webhooks/salon/{TOKEN} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    stream.write_all(request.as_bytes()).await.unwrap();
                    let mut answer = [0; 1024];
                    let length = stream.read(&mut answer).await.unwrap();
                    assert!(answer[..length].starts_with(b"HTTP/1.1 200 OK\r\n"));
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    shutdown.cancel();
    serving.await.unwrap();
    stage
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_that_come_together_are_all_stored_share_their_commits_and_wake_the_loop_once() {
    let mut stage = send(40, 10).await;
    let waiting = stage.parts.store.inbox_waiting(&salon()).await.unwrap();
    assert_eq!(waiting, 400);
    let commits = stage.parts.store.commits();
    assert!(commits < 200, "{commits} commits");
    // Nobody has read the inbox meanwhile.
    assert_eq!(stage.asked(), [daemon::Request::Hinted(salon())]);
}
