//! The user's own words for a notice: a template that is tried when the config is read.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value};
use slotbridge_core::model::Private;

use super::notice::{Kind, Notice};
use super::words;

const NAME: &str = "template";

/// A template that every kind of notice fits into.
#[derive(Clone)]
pub(crate) struct Template {
    environment: Arc<Environment<'static>>,
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template").finish_non_exhaustive()
    }
}

impl Template {
    /// Reads a template and tries it on a notice of each kind that it may get.
    pub(crate) fn new(source: &str, takes: impl Fn(Kind) -> bool) -> Result<Self, String> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
        environment.set_syntax(syntax.map_err(|error| said(&error))?);
        environment
            .add_template_owned(NAME, source.to_owned())
            .map_err(|error| said(&error))?;
        let template = Self {
            environment: Arc::new(environment),
        };
        for kind in Kind::ALL.into_iter().filter(|kind| takes(*kind)) {
            for reminder in [false, true] {
                let mut sample = sample(kind);
                sample.reminder = reminder;
                let rendered = template
                    .render(&sample, true)
                    .and_then(|_| template.render(&sample, false));
                rendered.map_err(|error| {
                    format!(
                        "the template does not fit a notice of kind {:?}: {error}; known are kind, severity, \
                         title, text, bridge, platform, at, since, reminder, clients, and in details here: {}",
                        kind.as_str(),
                        detail_names(&sample)
                    )
                })?;
            }
        }
        Ok(template)
    }

    /// The notice in the user's words.
    pub(crate) fn render(&self, notice: &Notice, show_clients: bool) -> Result<String, String> {
        // Everything is there in every notice, so that a wrong name is found before the first one.
        let details = notice
            .content
            .details
            .iter()
            .map(|(name, value)| (*name, Value::from(value)));
        let clients = notice.clients(show_clients).unwrap_or_default();
        let view = Value::from_pairs([
            ("kind", Value::from(notice.kind.as_str())),
            ("severity", Value::from(notice.kind.severity().as_str())),
            ("title", Value::from(notice.kind.title())),
            ("bridge", text(notice.content.bridge.as_deref())),
            ("platform", text(notice.content.platform.as_deref())),
            ("at", Value::from(notice.at.to_string())),
            ("since", Value::from(notice.since.to_string())),
            ("reminder", Value::from(notice.reminder)),
            ("text", Value::from(notice.text(show_clients))),
            ("details", Value::from_pairs(details)),
            ("clients", clients.into_iter().map(Value::from).collect()),
        ]);
        let template = self.environment.get_template(NAME);
        template
            .and_then(|template| template.render(view))
            .map_err(|error| said(&error))
    }
}

fn text(text: Option<&str>) -> Value {
    Value::from(text.unwrap_or_default())
}

/// What is wrong with a template, without what it was filled with.
fn said(error: &minijinja::Error) -> String {
    let line = error
        .line()
        .map_or_else(String::new, |line| format!(" in line {line}"));
    let detail = error
        .detail()
        .map_or_else(String::new, |detail| format!(": {detail}"));
    format!("{}{line}{detail}", error.kind())
}

fn detail_names(notice: &Notice) -> String {
    let names: Vec<&str> = notice.content.details.keys().copied().collect();
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.join(", ")
    }
}

/// A notice of each kind, with everything in it that one can have.
pub(crate) fn sample(kind: Kind) -> Notice {
    let mut content = words::sample(kind);
    content.clients = vec![Private::new("a client")];
    Notice::of_moment(kind, Timestamp::UNIX_EPOCH, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any(_: Kind) -> bool {
        true
    }

    #[test]
    fn a_template_says_it_in_its_own_words() {
        let source =
            "{% if severity == \"critical\" %}! {% endif %}{{ title }}: {{ text }} ({{ bridge }})";
        let template = Template::new(source, any).unwrap();
        let mut notice = sample(Kind::Guard);
        notice.content.text = "writes were stopped".to_owned();
        notice.content.bridge = Some("main".to_owned());
        assert_eq!(
            template.render(&notice, false).unwrap(),
            "! a guard stopped writes: writes were stopped (main)"
        );
    }

    #[test]
    fn clients_are_there_only_when_they_may_be_shown() {
        let template = Template::new("{{ clients|length }} {{ text }}", any).unwrap();
        let notice = sample(Kind::Overlap);
        assert!(template.render(&notice, false).unwrap().starts_with("0 "));
        assert!(
            !template
                .render(&notice, false)
                .unwrap()
                .contains("a client")
        );
        let shown = template.render(&notice, true).unwrap();
        assert!(
            shown.starts_with("1 ") && shown.contains("a client"),
            "{shown}"
        );
    }

    #[test]
    fn a_template_that_cannot_be_filled_is_refused_when_it_is_read() {
        for (source, parts) in [
            ("{{ text", &["syntax error", "line 1"][..]),
            (
                "{{ txet }}",
                &["kind \"conflict\"", "undefined", "known are kind"],
            ),
            ("{{ text|shout }}", &["shout"]),
            // Only some kinds have it.
            (
                "{{ details.resource }}",
                &["kind \"unclear\"", "in details here: "],
            ),
            ("{% include 'x' %}", &["include"]),
        ] {
            let error = Template::new(source, any).unwrap_err();
            for part in parts {
                assert!(error.contains(part), "{source}: {error}");
            }
        }
        // A target that only gets these may use what they have.
        Template::new("{{ details.resource }}", |kind| kind == Kind::Overlap).unwrap();
        Template::new("{{ details.resource|default('') }}", any).unwrap();
    }
}
