//! Reading TOML tables key by key, against the list of keys that the table may have.
//!
//! A reader never stops at a problem: it notes it in the [`Log`] and goes on, so that one look tells all of them.
//! `None` from a reader means that the key is absent without a default, or that a problem was noted.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::keys::{Key, Presence};
use super::problem::{Log, Place};
use super::value;

/// One table of the file.
#[derive(Debug)]
pub(crate) struct Table<'t> {
    path: String,
    span: Range<usize>,
    entries: &'t DeTable<'t>,
    keys: Vec<&'static Key>,
    names: Vec<String>,
    asked: RefCell<BTreeSet<&'static str>>,
    log: &'t Log<'t>,
}

/// One value of the file with the path of its key.
#[derive(Debug, Clone)]
pub(crate) struct Field<'t> {
    path: String,
    span: Range<usize>,
    value: &'t DeValue<'t>,
    log: &'t Log<'t>,
}

impl<'t> Table<'t> {
    /// The file's own table.
    pub(crate) fn root(
        entries: &'t DeTable<'t>,
        keys: &[&'static [Key]],
        log: &'t Log<'t>,
    ) -> Self {
        Self::build(String::new(), 0..0, entries, keys, log)
    }

    fn build(
        path: String,
        span: Range<usize>,
        entries: &'t DeTable<'t>,
        keys: &[&'static [Key]],
        log: &'t Log<'t>,
    ) -> Self {
        Self {
            path,
            span,
            entries,
            keys: keys.iter().copied().flatten().collect(),
            names: Vec::new(),
            asked: RefCell::default(),
            log,
        }
    }

    /// The same table with names that the user chose as further keys, such as the platforms of a bridge.
    pub(crate) fn allow(mut self, names: &[&str]) -> Self {
        self.names
            .extend(names.iter().map(|name| (*name).to_owned()));
        self
    }

    /// Adds the keys of one kind of platform, once the kind is known.
    pub(crate) fn add_keys(&mut self, keys: &'static [Key]) {
        self.keys.extend(keys);
    }

    /// The path of a key in this table.
    pub(crate) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// The path of the table.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Where the table begins.
    pub(crate) fn place(&self) -> Place {
        self.log.place(&self.span)
    }

    /// Notes a problem of the table as a whole.
    pub(crate) fn problem(&self, message: impl Into<String>) {
        self.log.add(&self.span, &self.path, message);
    }

    /// Notes a problem of a key that is not there.
    pub(crate) fn key_problem(&self, key: &str, message: impl Into<String>) {
        self.log.add(&self.span, &self.path_of(key), message);
    }

    /// The value of a key, if it is there.
    pub(crate) fn get(&self, name: &'static str) -> Option<Field<'t>> {
        debug_assert!(
            self.keys.iter().any(|key| key.name == name),
            "{name} is not in the list of keys of {}",
            self.path
        );
        self.asked.borrow_mut().insert(name);
        self.entry(name)
    }

    fn entry(&self, name: &str) -> Option<Field<'t>> {
        let value = self.entries.get(name)?;
        Some(Field {
            path: self.path_of(name),
            span: value.span(),
            value: value.get_ref(),
            log: self.log,
        })
    }

    /// The value of a key that must be there.
    pub(crate) fn need(&self, name: &'static str) -> Option<Field<'t>> {
        let found = self.get(name);
        if found.is_none() {
            let expects = self
                .keys
                .iter()
                .find(|key| key.name == name)
                .map_or("a value", |key| key.expects);
            self.key_problem(name, format!("is missing; expected {expects}"));
        }
        found
    }

    /// Reads a text by its own spelling; absent keys take their default.
    pub(crate) fn parse<T>(
        &self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        match self.field(name)? {
            Ok(field) => field.parse(parse),
            Err(default) => {
                Some(parse(default).expect("a default in the list of keys is a valid value"))
            }
        }
    }

    /// Reads true or false; absent keys take their default.
    pub(crate) fn flag(&self, name: &'static str) -> Option<bool> {
        match self.field(name)? {
            Ok(field) => field.flag(),
            Err(default) => Some(default == "true"),
        }
    }

    /// Reads a whole number within bounds; absent keys take their default.
    pub(crate) fn number(&self, name: &'static str, bounds: Range<u64>) -> Option<u64> {
        match self.field(name)? {
            Ok(field) => field.number(bounds),
            Err(default) => Some(
                default
                    .parse()
                    .expect("a default in the list of keys is a valid value"),
            ),
        }
    }

    /// The field, or the text of its default; notes a required key that is missing.
    fn field(&self, name: &'static str) -> Option<Result<Field<'t>, &'static str>> {
        if let Some(field) = self.get(name) {
            return Some(Ok(field));
        }
        let key = self.keys.iter().find(|key| key.name == name)?;
        match key.presence {
            Presence::Default(text) => Some(Err(text)),
            Presence::Optional => None,
            Presence::Required => {
                self.need(name);
                None
            }
        }
    }

    /// The values under names that the user chose, in the order of the file.
    pub(crate) fn named(&self) -> Vec<(&'t str, Field<'t>)> {
        let mut found: Vec<(&'t str, Field<'t>)> = self
            .entries
            .keys()
            .filter(|key| !self.keys.iter().any(|known| known.name == key.get_ref()))
            .filter_map(|key| Some((key.get_ref().as_ref(), self.entry(key.get_ref())?)))
            .collect();
        found.sort_by_key(|(_, field)| field.span.start);
        found
    }

    /// Notes every key that the table cannot have. `other` explains a key that is known elsewhere.
    pub(crate) fn finish(self, other: impl Fn(&str) -> Option<String>) {
        debug_assert!(
            self.keys
                .iter()
                .all(|key| self.asked.borrow().contains(key.name)),
            "a key of {} is in the list and never read",
            self.path
        );
        let known: Vec<&str> = self
            .keys
            .iter()
            .map(|key| key.name)
            .chain(self.names.iter().map(String::as_str))
            .collect();
        for key in self.entries.keys() {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            let near = value::nearest(name, known.iter().copied());
            let near_key = near.filter(|near| self.keys.iter().any(|key| key.name == *near));
            let message = match near_key.map_or_else(|| other(name), |_| None) {
                Some(message) => message,
                None => match near {
                    Some(near) => format!("unknown key; did you mean `{near}`?"),
                    None => format!("unknown key; known here: {}", known.join(", ")),
                },
            };
            self.log.add(&key.span(), &self.path_of(name), message);
        }
    }
}

impl<'t> Field<'t> {
    /// The path of its key.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Where it stands.
    pub(crate) fn place(&self) -> Place {
        self.log.place(&self.span)
    }

    /// Notes a problem of this value.
    pub(crate) fn problem(&self, message: impl Into<String>) {
        self.log.add(&self.span, &self.path, message);
    }

    /// Notes that the value is of the wrong type; its content is not shown.
    pub(crate) fn wrong<T>(&self, expected: &str) -> Option<T> {
        let found = match self.value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.problem(format!("expected {expected}, found {found}"));
        None
    }

    /// The name that a table of a list gives itself.
    pub(crate) fn own_name(&self) -> Option<&'t str> {
        match self.value {
            DeValue::Table(table) => table.get("name")?.get_ref().as_str(),
            _ => None,
        }
    }

    /// The bare value.
    pub(crate) fn value(&self) -> &'t DeValue<'t> {
        self.value
    }

    /// Reads a text.
    pub(crate) fn text(&self) -> Option<&'t str> {
        match self.value {
            DeValue::String(text) => Some(text),
            _ => self.wrong("a string"),
        }
    }

    /// Reads a text by its own spelling.
    pub(crate) fn parse<T>(&self, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        match parse(self.text()?) {
            Ok(value) => Some(value),
            Err(message) => {
                self.problem(message);
                None
            }
        }
    }

    /// Reads a whole number within bounds.
    pub(crate) fn number(&self, bounds: Range<u64>) -> Option<u64> {
        let expected = format!(
            "a whole number from {} to {}",
            bounds.start,
            bounds.end.saturating_sub(1)
        );
        let DeValue::Integer(number) = self.value else {
            return self.wrong(&expected);
        };
        let parsed = u64::from_str_radix(number.as_str(), number.radix()).ok();
        if parsed.is_none_or(|number| !bounds.contains(&number)) {
            self.problem(format!("expected {expected}, found {number}"));
            return None;
        }
        parsed
    }

    /// Reads true or false.
    pub(crate) fn flag(&self) -> Option<bool> {
        match self.value {
            DeValue::Boolean(flag) => Some(*flag),
            _ => self.wrong("true or false"),
        }
    }

    /// Reads a list.
    pub(crate) fn list(&self, expected: &str) -> Option<Vec<Self>> {
        let DeValue::Array(items) = self.value else {
            return self.wrong(expected);
        };
        Some(
            items
                .iter()
                .map(|item| Field {
                    path: self.path.clone(),
                    span: item.span(),
                    value: item.get_ref(),
                    log: self.log,
                })
                .collect(),
        )
    }

    /// Reads a table.
    pub(crate) fn table(&self, keys: &[&'static [Key]]) -> Option<Table<'t>> {
        let DeValue::Table(entries) = self.value else {
            return self.wrong("a table");
        };
        Some(Table::build(
            self.path.clone(),
            self.span.clone(),
            entries,
            keys,
            self.log,
        ))
    }

    /// The same value under another path, such as a table of a list under the name that it gives itself.
    pub(crate) fn renamed(mut self, path: String) -> Self {
        self.path = path;
        self
    }
}

/// What an id may be.
const AN_ID: &str = "an id: a number, a string, or a table of them";

impl Field<'_> {
    /// Reads an id: a number, a text, or several of them as a table, which become `name=id;name=id`.
    pub(crate) fn id(&self, check: impl Fn(&str) -> Result<(), &'static str>) -> Option<String> {
        let id = match self.value {
            DeValue::Table(_) => self.several_ids()?,
            _ => self.single_id()?,
        };
        match check(&id) {
            Ok(()) => Some(id),
            Err(expected) => {
                self.problem(format!("{id:?} cannot be an id here; expected {expected}"));
                None
            }
        }
    }

    fn single_id(&self) -> Option<String> {
        match self.value {
            DeValue::Integer(_) => Some(self.number(0..u64::MAX)?.to_string()),
            DeValue::String(text) => {
                let text = text.trim();
                let fits = !text.is_empty()
                    && text.chars().count() <= 200
                    && !text
                        .chars()
                        .any(|c| c.is_control() || matches!(c, ';' | '='));
                if !fits {
                    self.problem(format!("expected {AN_ID}"));
                }
                fits.then(|| text.to_owned())
            }
            _ => self.wrong(AN_ID),
        }
    }

    fn several_ids(&self) -> Option<String> {
        let table = self.table(&[])?;
        let mut parts = table.named();
        if parts.is_empty() {
            self.problem("expected at least one id in the table");
            return None;
        }
        parts.sort_by_key(|(name, _)| *name);
        let parts: Option<Vec<String>> = parts
            .into_iter()
            .map(|(name, part)| Some(format!("{name}={}", part.single_id()?)))
            .collect();
        Some(parts?.join(";"))
    }
}
