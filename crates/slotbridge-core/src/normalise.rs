//! Bringing names, phones and free text into one spelling, so that only real differences count.

use crate::model::Private;

/// A name with its white space folded; case and letters stay as the person wrote them.
pub fn name(raw: &str) -> Private {
    Private::new(raw.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Free text with line ends as `\n` and no white space at the end of lines or of the text.
pub fn text(raw: &str) -> Private {
    let unix = raw.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = unix.trim_end().split('\n').map(str::trim_end).collect();
    Private::new(lines.join("\n"))
}
