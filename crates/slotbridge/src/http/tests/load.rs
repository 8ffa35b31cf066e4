//! Many webhooks at once.

use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

/// Sends webhooks over several connections, each one every `pace`; returns how long each answer took.
async fn send(connections: u64, each: u64, pace: Duration) -> (Stage, Vec<Duration>) {
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
                let mut took = Vec::new();
                // The connections take turns, so that the webhooks come one by one.
                let turn = pace.mul_f64(ratio(connection, connections));
                let mut ticks = tokio::time::interval_at(
                    tokio::time::Instant::now() + turn,
                    pace.max(Duration::from_nanos(1)),
                );
                for number in 0..each {
                    let body = about(1 + connection * each + number);
                    let request = format!(
                        "POST /webhooks/salon/{TOKEN} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    if !pace.is_zero() {
                        ticks.tick().await;
                    }
                    let begun = Instant::now();
                    stream.write_all(request.as_bytes()).await.unwrap();
                    let mut answer = [0; 1024];
                    let length = stream.read(&mut answer).await.unwrap();
                    assert!(answer[..length].starts_with(b"HTTP/1.1 200 OK\r\n"));
                    took.push(begun.elapsed());
                }
                took
            })
        })
        .collect();
    let mut took = Vec::new();
    for sender in senders {
        took.extend(sender.await.unwrap());
    }
    shutdown.cancel();
    serving.await.unwrap();
    (stage, took)
}

fn ratio(part: u64, whole: u64) -> f64 {
    Duration::from_secs(part).div_duration_f64(Duration::from_secs(whole))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_that_come_together_are_all_stored_and_share_their_commits() {
    let (stage, took) = send(40, 10, Duration::ZERO).await;
    assert_eq!(took.len(), 400);
    let waiting = stage.parts.store.inbox_waiting(&salon()).await.unwrap();
    assert_eq!(waiting, 400);
    let commits = stage.parts.store.commits();
    assert!(commits < 200, "{commits} commits");
}

/// A measurement: `SLOTBRIDGE_LOAD_SECONDS=9` sends so long, 1,000 in a second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_webhooks_a_second_are_answered_in_time() {
    let Some(seconds) = std::env::var("SLOTBRIDGE_LOAD_SECONDS")
        .ok()
        .and_then(|seconds| seconds.parse::<u64>().ok())
    else {
        eprintln!("skipped: SLOTBRIDGE_LOAD_SECONDS is not set");
        return;
    };
    let begun = Instant::now();
    let (stage, mut took) = send(50, 20 * seconds, Duration::from_millis(50)).await;
    let lasted = begun.elapsed();
    took.sort_unstable();
    let (p50, p99) = (took[took.len() / 2], took[took.len() * 99 / 100]);
    println!(
        "{} webhooks in {lasted:?}, {} commits: p50 {p50:?}, p99 {p99:?}, most {:?}",
        took.len(),
        stage.parts.store.commits(),
        took[took.len() - 1]
    );
    assert!(p99 < Duration::from_millis(20), "{p99:?}");
}
