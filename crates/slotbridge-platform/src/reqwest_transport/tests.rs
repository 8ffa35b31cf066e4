//! Real exchanges on loopback: what each way of failing means for the request.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::{ReqwestTransport, is_loopback};
use crate::transport::{Limits, Transport, TransportFailure};

const LIMITS: Limits = Limits {
    timeout: Duration::from_secs(20),
    body_bytes_max: 10_000,
};

/// What a server does on one connection: the replies that it gives in turn before it closes.
type Connection = Vec<Vec<u8>>;

/// A server that takes these connections in turn, and gives the requests that it saw.
async fn serve(connections: Vec<Connection>) -> (SocketAddr, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = tokio::spawn(async move {
        let mut seen = Vec::new();
        for replies in connections {
            let (mut stream, _) = listener.accept().await.unwrap();
            for reply in replies {
                seen.push(read_request(&mut stream).await);
                stream.write_all(&reply).await.unwrap();
            }
        }
        seen
    });
    (address, seen)
}

/// Reads a head and the body that it announces.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    loop {
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await.unwrap();
        text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            assert_ne!(read, 0, "the request ended in its head: {text}");
            continue;
        };
        let length = head.lines().find_map(|line| {
            line.to_lowercase()
                .strip_prefix("content-length: ")
                .map(str::to_owned)
        });
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return text;
        }
    }
}

fn plain(status: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nx-page: 2\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn post(address: SocketAddr) -> http::Request<Bytes> {
    let request = http::Request::post(format!("http://{address}/records?phone=79000000001"))
        .header("authorization", "Bearer secret");
    request.body(Bytes::from_static(b"{\"a\":1}")).unwrap()
}

/// How one exchange with such a server fails.
async fn failure(replies: Connection, limits: Limits) -> (TransportFailure, String) {
    let (address, _seen) = serve(vec![replies]).await;
    let error = ReqwestTransport::new()
        .unwrap()
        .exchange(post(address), limits)
        .await
        .unwrap_err();
    for private in ["79000000001", "phone", "secret", "/records"] {
        assert!(
            !error.why.contains(private),
            "{private} is in {:?}",
            error.why
        );
    }
    (error.failure, error.why)
}

#[tokio::test]
async fn a_reply_of_any_status_comes_back_whole() {
    let (address, seen) = serve(vec![vec![plain("418 I'm a teapot", "short and stout")]]).await;
    let response = ReqwestTransport::new()
        .unwrap()
        .exchange(post(address), LIMITS)
        .await
        .unwrap();
    assert_eq!(response.status(), 418);
    assert_eq!(response.headers()["x-page"], "2");
    assert_eq!(response.body(), "short and stout");
    let request = seen.await.unwrap().remove(0);
    assert!(
        request.starts_with("POST /records?phone=79000000001 HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(request.ends_with("\r\n\r\n{\"a\":1}"), "{request}");
    assert!(
        request.contains(concat!(
            "user-agent: slotbridge/",
            env!("CARGO_PKG_VERSION"),
            "\r\n"
        )),
        "{request}"
    );
    assert!(
        request.contains("authorization: Bearer secret\r\n"),
        "{request}"
    );
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_sent() {
    let address = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let error = ReqwestTransport::new()
        .unwrap()
        .exchange(post(address), LIMITS)
        .await
        .unwrap_err();
    assert_eq!(error.failure, TransportFailure::NotSent);
    assert!(error.why.contains("refused"), "{}", error.why);
}

#[tokio::test]
async fn a_connection_that_closes_instead_of_a_whole_reply_gives_no_reply() {
    let half_a_head = b"HTTP/1.1 200 OK\r\ncontent-le".to_vec();
    let half_a_body = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"half\":".to_vec();
    let no_http = b"220 mail.example.com ready\r\n".to_vec();
    for reply in [Vec::new(), half_a_head, half_a_body, no_http] {
        assert_eq!(
            failure(vec![reply.clone()], LIMITS).await.0,
            TransportFailure::NoReply,
            "{reply:?}"
        );
    }
}

#[tokio::test]
async fn a_pooled_connection_that_closes_before_the_reply_gives_no_reply_and_no_second_request() {
    let (address, seen) = serve(vec![
        vec![plain("200 OK", ""), Vec::new()],
        vec![plain("200 OK", "")],
    ])
    .await;
    let transport = ReqwestTransport::new().unwrap();
    transport.exchange(post(address), LIMITS).await.unwrap();
    let error = transport.exchange(post(address), LIMITS).await.unwrap_err();
    assert_eq!(error.failure, TransportFailure::NoReply);
    transport.exchange(post(address), LIMITS).await.unwrap();
    assert_eq!(seen.await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_server_that_says_nothing_times_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = Limits {
        timeout: Duration::from_millis(50),
        ..LIMITS
    };
    let error = ReqwestTransport::new()
        .unwrap()
        .exchange(post(address), limits)
        .await
        .unwrap_err();
    assert_eq!(error.failure, TransportFailure::TimedOut);
}

#[tokio::test]
async fn a_redirect_is_refused_and_nobody_else_is_asked() {
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let location = format!("http://{}/records?key=secret", other.local_addr().unwrap());
    for status in [
        "301 Moved Permanently",
        "302 Found",
        "303 See Other",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let reply =
            format!("HTTP/1.1 {status}\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n")
                .into_bytes();
        let (failure, why) = failure(vec![reply], LIMITS).await;
        assert_eq!(failure, TransportFailure::ReplyRefused, "{status}");
        assert!(why.contains("redirects to 127.0.0.1"), "{why}");
    }
    // A knock would be waiting here by now: the exchanges are over.
    let knocked = tokio::time::timeout(Duration::ZERO, other.accept()).await;
    assert!(knocked.is_err(), "the redirect was followed");
}

#[tokio::test]
async fn a_body_is_taken_up_to_the_limit_and_not_beyond() {
    let limit = LIMITS.body_bytes_max;
    let (address, _seen) = serve(vec![vec![plain("200 OK", &"a".repeat(limit))]]).await;
    let response = ReqwestTransport::new()
        .unwrap()
        .exchange(post(address), LIMITS)
        .await
        .unwrap();
    assert_eq!(response.body().len(), limit);
    assert_eq!(
        failure(vec![plain("200 OK", &"a".repeat(limit + 1))], LIMITS)
            .await
            .0,
        TransportFailure::ReplyRefused
    );
}

#[tokio::test]
async fn a_small_body_that_unpacks_to_a_large_one_is_refused() {
    let packed = zeros_packed(1_000_000);
    assert!(
        packed.len() < LIMITS.body_bytes_max,
        "it must pass for a small body: {}",
        packed.len()
    );
    let mut reply = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        packed.len()
    )
    .into_bytes();
    reply.extend_from_slice(&packed);
    assert_eq!(
        failure(vec![reply.clone()], LIMITS).await.0,
        TransportFailure::ReplyRefused
    );
    // With room for it, it unpacks: the refusal above was for its size.
    let (address, _seen) = serve(vec![vec![reply]]).await;
    let roomy = Limits {
        body_bytes_max: 2_000_000,
        ..LIMITS
    };
    let response = ReqwestTransport::new()
        .unwrap()
        .exchange(post(address), roomy)
        .await
        .unwrap();
    assert_eq!(response.body(), &vec![0; 1_000_000]);
}

/// So many zeros in gzip: one literal, then copies of 258 bytes in the fixed code, each 13 bits long.
fn zeros_packed(length: u32) -> Vec<u8> {
    let copies = (length - 1) / 258;
    let rest = length - 1 - copies * 258;
    // Bits in the order in which they are sent: last block, fixed code, the literal 0.
    let mut bits: Vec<bool> = vec![true, true, false];
    let mut code =
        |value: u32, width: u32| bits.extend((0..width).rev().map(|bit| value >> bit & 1 == 1));
    code(0b0011_0000, 8);
    for _ in 0..copies {
        code(0b1100_0101, 8);
        code(0, 5);
    }
    for _ in 0..rest {
        code(0b0011_0000, 8);
    }
    code(0, 7);
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let byte = |bits: &[bool]| {
        bits.iter()
            .enumerate()
            .fold(0_u8, |byte, (place, bit)| byte | u8::from(*bit) << place)
    };
    packed.extend(bits.chunks(8).map(byte));
    packed.extend_from_slice(&crc_of_zeros(length).to_le_bytes());
    packed.extend_from_slice(&length.to_le_bytes());
    packed
}

fn crc_of_zeros(length: u32) -> u32 {
    !(0..length * 8).fold(u32::MAX, |crc, _| {
        if crc & 1 == 1 {
            crc >> 1 ^ 0xEDB8_8320
        } else {
            crc >> 1
        }
    })
}

#[test]
fn loopback_is_told_from_everywhere_else() {
    let rows = [
        ("http://127.0.0.1:8087/", true),
        ("http://127.1.2.3/", true),
        ("http://[::1]:80/", true),
        ("http://LocalHost/", true),
        ("http://localhost.example.com/", false),
        ("https://api.example.com/", false),
        ("http://10.0.0.1/", false),
        ("http://127.0.0.1.example.com/", false),
    ];
    for (uri, expected) in rows {
        assert_eq!(is_loopback(&uri.parse().unwrap()), expected, "{uri}");
    }
}

#[test]
fn the_transport_that_leaves_this_machine_can_be_set_up() {
    // Its first use is the first time that it is built.
    let transport = ReqwestTransport::new().unwrap();
    assert!(
        transport
            .client(&http::Uri::from_static("https://api.example.com/"))
            .is_ok()
    );
}
