//! Where requests come from, and how many of them are taken from one place.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::http::HeaderMap;
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use slotbridge_platform::seam::Seam;

use super::Limits;

/// How many sources are remembered. Beyond that, new ones share one allowance.
const SOURCES_MAX: usize = 10_000;
/// How many requests go by between two looks at what may be forgotten.
const SWEEP_EVERY: u32 = 1024;
/// Stands for every source that there is no room for.
const CROWD: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// The seam's steady clock, as the limiter wants it.
#[derive(Debug, Clone)]
struct Steady(Arc<dyn Seam>);

impl Clock for Steady {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

type Limiter = RateLimiter<IpAddr, HashMapStateStore<IpAddr>, Steady, NoOpMiddleware<Duration>>;

/// How many requests every source has left.
#[derive(Debug)]
pub(super) struct Sources {
    forged: Allowance,
    good: Allowance,
}

impl Sources {
    pub(super) fn new(limits: &Limits, seam: &Arc<dyn Seam>) -> Self {
        let forged = Quota::per_minute(at_least_one(limits.forged_per_minute));
        let good = Quota::per_second(at_least_one(limits.good_per_second));
        Self {
            forged: Allowance::new(forged, seam),
            good: Allowance::new(good, seam),
        }
    }

    /// Whether one more wrong request of this source is answered as such.
    pub(super) fn forged(&self, source: IpAddr) -> bool {
        self.forged.take(source)
    }

    /// Whether one more right request of this source is taken.
    pub(super) fn good(&self, source: IpAddr) -> bool {
        self.good.take(source)
    }
}

fn at_least_one(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

#[derive(Debug)]
struct Allowance {
    limiter: Limiter,
    requests: AtomicU32,
}

impl Allowance {
    fn new(quota: Quota, seam: &Arc<dyn Seam>) -> Self {
        Self {
            limiter: RateLimiter::hashmap_with_clock(quota, Steady(Arc::clone(seam))),
            requests: AtomicU32::new(0),
        }
    }

    fn take(&self, source: IpAddr) -> bool {
        if self.requests.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            self.limiter.retain_recent();
        }
        let source = if self.limiter.len() < SOURCES_MAX {
            source
        } else {
            CROWD
        };
        self.limiter.check_key(&source).is_ok()
    }
}

/// The source of a request. Only a proxy on this machine is believed when it names another, and only the last hop that
/// it names: what stands before it was written by the client. An IPv6 network counts as one source.
pub(super) fn source(peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let peer = peer.to_canonical();
    let source = if peer.is_loopback() {
        last_hop(headers).unwrap_or(peer)
    } else {
        peer
    };
    match source {
        IpAddr::V4(_) => source,
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
        }
    }
}

fn last_hop(headers: &HeaderMap) -> Option<IpAddr> {
    let line = headers.get_all("x-forwarded-for").iter().next_back()?;
    let hop = line.to_str().ok()?.rsplit(',').next()?.trim();
    let address = hop.parse::<IpAddr>().ok();
    let with_port = || hop.parse::<std::net::SocketAddr>().ok().map(|hop| hop.ip());
    Some(address.or_else(with_port)?.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use jiff::Timestamp;
    use slotbridge_platform::testing::VirtualSeam;

    use super::*;

    fn with(lines: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", HeaderValue::from_static(line));
        }
        headers
    }

    #[test]
    fn only_a_proxy_on_this_machine_may_name_another_source_and_only_its_last_hop_counts() {
        for (peer, lines, expected) in [
            ("203.0.113.9", &[][..], "203.0.113.9"),
            ("203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
            ("127.0.0.1", &[][..], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.1"][..], "198.51.100.1"),
            ("127.0.0.1", &["10.0.0.1, 198.51.100.1"][..], "198.51.100.1"),
            (
                "127.0.0.1",
                &["10.0.0.1", "198.51.100.1"][..],
                "198.51.100.1",
            ),
            ("127.0.0.1", &["198.51.100.1:4711"][..], "198.51.100.1"),
            ("127.0.0.1", &["nonsense"][..], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.1, nonsense"][..], "127.0.0.1"),
            ("::1", &["2001:db8:1:2:3:4:5:6"][..], "2001:db8:1:2::"),
            (
                "::1",
                &["[2001:db8:1:2:3:4:5:6]:4711"][..],
                "2001:db8:1:2::",
            ),
            ("::ffff:203.0.113.9", &[][..], "203.0.113.9"),
        ] {
            let found = source(peer.parse().unwrap(), &with(lines));
            assert_eq!(
                found,
                expected.parse::<IpAddr>().unwrap(),
                "{peer} {lines:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn every_source_has_its_own_allowance_which_comes_back_with_time() {
        let seam: Arc<dyn Seam> = Arc::new(VirtualSeam::new(Timestamp::UNIX_EPOCH, 1));
        let limits = Limits {
            forged_per_minute: 3,
            ..Limits::default()
        };
        let sources = Sources::new(&limits, &seam);
        let [one, other]: [IpAddr; 2] =
            ["203.0.113.1", "203.0.113.2"].map(|ip| ip.parse().unwrap());
        let taken = |source| (0..5).filter(|_| sources.forged(source)).count();
        assert_eq!((taken(one), taken(other)), (3, 3));
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(taken(one), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn sources_without_number_take_no_memory_without_end_and_are_forgotten() {
        let seam: Arc<dyn Seam> = Arc::new(VirtualSeam::new(Timestamp::UNIX_EPOCH, 1));
        let sources = Sources::new(&Limits::default(), &seam);
        for number in 0..30_000_u32 {
            sources.forged(IpAddr::V4(std::net::Ipv4Addr::from_bits(number)));
        }
        let kept = sources.forged.limiter.len();
        assert!(kept <= SOURCES_MAX + 1, "{kept}");
        // The crowd has used up what it shares.
        assert!(!sources.forged("198.51.100.7".parse().unwrap()));
        tokio::time::advance(Duration::from_mins(2)).await;
        for _ in 0..SWEEP_EVERY {
            sources.forged("198.51.100.8".parse().unwrap());
        }
        let kept = sources.forged.limiter.len();
        assert!(kept <= 2, "{kept}");
    }
}
