//! The core alone: how long match, merge and plan take for many bookings, what they allocate, and how that grows.
//!
//! `cargo bench -p slotbridge-core --bench core -- [SIZE…]` measures these sizes (else 10,000 and 100,000) with none,
//! all, and one of a hundred bookings changed, and prints a table, the same as JSON, and the exponents of growth: 1 is
//! linear. Times are the least of several runs.
//!
//! `core count CASE SIZE [ONE_OF]` runs one case once, one of so many bookings changed, for a tool that counts
//! instructions; see `.ci/instructions`, whose `--growth` prints the same exponents from counts, whatever else the machine
//! does.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    reason = "a measurement reads the clock, stops at the first surprise and prints what it found"
)]

mod cases;
mod made;

use std::hint::black_box;
use std::time::Instant;

use cases::{Case, Work};

/// How often each case is run; the least time counts.
const RUNS: usize = 5;

/// What one case took.
#[derive(Debug, Clone, Copy)]
struct Took {
    millis: f64,
    allocations: u64,
    peak_kib: u64,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().map(String::as_str) == Some("count") {
        let case = Case::ALL
            .into_iter()
            .find(|case| case.name() == words[1])
            .unwrap();
        let all_changed = u64::from(matches!(case, Case::Merge | Case::Plan));
        let one_of = words
            .get(3)
            .map_or(all_changed, |word| word.parse().unwrap());
        let mut work = case.prepare(words[2].parse().unwrap(), one_of);
        let operations = cases::counted(&mut work);
        // Taking it apart is not counted.
        std::mem::forget(work);
        println!("{operations}");
        return;
    }
    let mut sizes: Vec<u64> = words.iter().filter_map(|word| word.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![10_000, 100_000];
    }
    println!(
        "{:8} {:>9} {:>9} {:>10} {:>8} {:>12} {:>8} {:>10}",
        "case", "bookings", "changed", "ms", "µs each", "allocations", "each", "peak KiB"
    );
    for case in Case::ALL {
        let fractions: &[u64] = if case.depends_on_changes() {
            &[0, 100, 1]
        } else {
            &[0]
        };
        for one_of in fractions {
            for size in &sizes {
                let changed = size.checked_div(*one_of).unwrap_or(0);
                let took = measure(case, *size, *one_of);
                row(case, *size, changed, took);
            }
        }
    }
    growth(&sizes);
}

fn measure(case: Case, size: u64, one_of: u64) -> Took {
    let mut best = f64::MAX;
    for _ in 0..RUNS {
        let mut work = case.prepare(size, one_of);
        let began = Instant::now();
        black_box(cases::counted(&mut work));
        best = best.min(began.elapsed().as_secs_f64() * 1_000.0);
    }
    let mut work = case.prepare(size, one_of);
    let counted = allocation_counter::measure(|| {
        black_box(cases::counted(&mut work));
    });
    Took {
        millis: best,
        allocations: counted.count_total,
        peak_kib: counted.bytes_max / 1_024,
    }
}

fn row(case: Case, size: u64, changed: u64, took: Took) {
    let name = case.name();
    let Took {
        millis,
        allocations,
        peak_kib,
    } = took;
    let (each, allocated) = (
        millis * 1_000.0 / size as f64,
        allocations as f64 / size as f64,
    );
    println!(
        "{name:8} {size:>9} {changed:>9} {millis:>10.2} {each:>8.3} {allocations:>12} {allocated:>8.2} {peak_kib:>10}"
    );
    println!(
        "{{\"case\":\"{name}\",\"bookings\":{size},\"changed\":{changed},\"ms\":{millis:.3},\
         \"allocations\":{allocations},\"peak_kib\":{peak_kib}}}"
    );
}

/// How the time of a whole decision (rest, merge and plan of what is not at rest) grows with the changes, the bookings
/// being as many as ever, and with the bookings, the changes being as many as ever.
fn growth(sizes: &[u64]) {
    let most = *sizes.iter().max().unwrap();
    let changes: Vec<u64> = [100, 1_000, 10_000, 100_000]
        .into_iter()
        .filter(|changes| *changes <= most)
        .collect();
    let at_rest = measure(Case::Decide, most, 0).millis;
    let grown: Vec<(f64, f64)> = changes
        .iter()
        .map(|changes| {
            let took = measure(Case::Decide, most, most / changes).millis;
            (*changes as f64, (took - at_rest).max(f64::MIN_POSITIVE))
        })
        .collect();
    report("decide", "changes", &grown);
    for (case, what) in [
        (Case::Decide, "bookings, 100 changed"),
        (Case::Match, "records"),
        (Case::Order, "operations"),
    ] {
        let steps = [most / 100, most / 10, most];
        let grown: Vec<(f64, f64)> = steps
            .iter()
            .map(|size| (*size as f64, measure(case, *size, size / 100).millis))
            .collect();
        report(case.name(), what, &grown);
    }
}

/// The exponent over the whole range: 1 is linear, 2 is quadratic.
fn report(case: &str, what: &str, grown: &[(f64, f64)]) {
    let (Some(first), Some(last)) = (grown.first(), grown.last()) else {
        return;
    };
    let exponent = (last.1 / first.1).ln() / (last.0 / first.0).ln();
    let points: Vec<String> = grown
        .iter()
        .map(|(size, took)| format!("{size}: {took:.2} ms"))
        .collect();
    println!(
        "{case} over {what}: exponent {exponent:.2} ({})",
        points.join(", ")
    );
    println!("{{\"case\":\"{case}\",\"over\":\"{what}\",\"exponent\":{exponent:.3}}}");
}

/// Keeps the compiler from seeing through a case.
fn keep(work: &Work) -> &Work {
    black_box(work)
}
