//! Secrets: from the environment, a file, a systemd credential, or plain in the config.
//!
//! What is read here goes into a [`SecretString`] and appears in no message. A message names the key, the place and
//! where the secret was looked for.

use std::ffi::OsString;
use std::fmt;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use toml::de::DeValue;

use super::keys::SECRET;
use super::problem::{Place, located};
use super::table::Field;

/// No secret is longer than this; a longer file is not one.
const SECRET_BYTES_MAX: u64 = 16 * 1024;

/// Looks an environment variable up.
pub(crate) type LookUp = dyn Fn(&str) -> Option<OsString>;

/// The parts of the outside world that a config may point at.
pub(crate) struct Surroundings {
    /// Looks an environment variable up.
    pub(crate) env: Box<LookUp>,
    /// The folder of the config file; relative paths start there.
    pub(crate) folder: PathBuf,
}

impl Surroundings {
    /// Those of this process.
    pub(crate) fn of_process(config: &Path) -> Self {
        Self {
            env: Box::new(|name| std::env::var_os(name)),
            folder: config.parent().map(Path::to_owned).unwrap_or_default(),
        }
    }

    /// A path of the config as a path of this process.
    pub(crate) fn path(&self, text: &str) -> PathBuf {
        self.folder.join(text)
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

/// Where a secret came from; for `check`, which looks at who else can read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The key of the secret.
    pub(crate) key: String,
    /// Where the key stands.
    pub(crate) place: Place,
    /// The file that holds it; `None` for the environment.
    pub(crate) file: Option<PathBuf>,
}

/// Reads secrets and remembers where they came from.
#[derive(Debug)]
pub(crate) struct Secrets<'s> {
    config: &'s Path,
    surroundings: &'s Surroundings,
    origins: std::cell::RefCell<Vec<Origin>>,
}

impl<'s> Secrets<'s> {
    /// Starts without a secret.
    pub(crate) fn new(config: &'s Path, surroundings: &'s Surroundings) -> Self {
        Self {
            config,
            surroundings,
            origins: std::cell::RefCell::default(),
        }
    }

    /// Where the secrets that were read came from.
    pub(crate) fn into_origins(self) -> Vec<Origin> {
        self.origins.into_inner()
    }

    /// A path of the config as a path of this process.
    pub(crate) fn path(&self, text: &str) -> PathBuf {
        self.surroundings.path(text)
    }

    /// Reads one secret; `None` notes a problem.
    pub(crate) fn read(&self, field: &Field<'_>) -> Option<SecretString> {
        let expected =
            "a string, { env = \"NAME\" }, { file = \"PATH\" } or { credential = \"NAME\" }";
        match field.value() {
            DeValue::String(text) => {
                let file = Some(self.config.to_owned());
                self.keep(field, text, "the config", file)
            }
            DeValue::Table(_) => {
                let table = field.table(&[SECRET])?;
                let (env, file, credential) =
                    (table.get("env"), table.get("file"), table.get("credential"));
                table.finish(|_| None);
                match (env, file, credential) {
                    (Some(name), None, None) => self.in_env(field, name.text()?),
                    (None, Some(path), None) => self.in_file(field, self.path(path.text()?)),
                    (None, None, Some(name)) => self.in_credential(field, name.text()?),
                    _ => {
                        field.problem(format!("expected {expected}, exactly one of them"));
                        None
                    }
                }
            }
            _ => field.wrong(expected),
        }
    }

    fn in_env(&self, field: &Field<'_>, name: &str) -> Option<SecretString> {
        let Some(value) = (self.surroundings.env)(name) else {
            field.problem(format!("the environment variable {name} is not set"));
            return None;
        };
        let Ok(text) = value.into_string() else {
            field.problem(format!(
                "the environment variable {name} is not valid UTF-8"
            ));
            return None;
        };
        self.keep(
            field,
            &text,
            &format!("the environment variable {name}"),
            None,
        )
    }

    fn in_credential(&self, field: &Field<'_>, name: &str) -> Option<SecretString> {
        if name.is_empty() || name.contains('/') {
            field.problem("expected the name of a systemd credential, without a slash");
            return None;
        }
        let Some(folder) = (self.surroundings.env)("CREDENTIALS_DIRECTORY") else {
            field.problem(format!(
                "the credential {name} is not there: CREDENTIALS_DIRECTORY is not set; \
                 systemd sets it for a unit with LoadCredential={name}:…"
            ));
            return None;
        };
        self.in_file(field, Path::new(&folder).join(name))
    }

    fn in_file(&self, field: &Field<'_>, path: PathBuf) -> Option<SecretString> {
        let shown = path.display().to_string();
        let read = || -> std::io::Result<Vec<u8>> {
            // Not by what it says of its size: a device has none.
            let mut bytes = Vec::new();
            std::fs::File::open(&path)?
                .take(SECRET_BYTES_MAX + 1)
                .read_to_end(&mut bytes)?;
            if u64::try_from(bytes.len()).is_ok_and(|size| size > SECRET_BYTES_MAX) {
                return Err(std::io::Error::other("it is too long for a secret"));
            }
            Ok(bytes)
        };
        let bytes = match read() {
            Ok(bytes) => bytes,
            Err(error) => {
                field.problem(format!("cannot read the secret in {shown}: {error}"));
                return None;
            }
        };
        let Ok(text) = String::from_utf8(bytes) else {
            field.problem(format!("the secret in {shown} is not valid UTF-8"));
            return None;
        };
        self.keep(field, &text, &shown, Some(path))
    }

    fn keep(
        &self,
        field: &Field<'_>,
        text: &str,
        from: &str,
        file: Option<PathBuf>,
    ) -> Option<SecretString> {
        let trimmed = trim_one_newline(text);
        if trimmed.is_empty() {
            field.problem(format!("the secret in {from} is empty"));
            return None;
        }
        if trimmed.chars().any(char::is_control) {
            field.problem(format!(
                "the secret in {from} has more than one line, or a control character in it"
            ));
            return None;
        }
        self.origins.borrow_mut().push(Origin {
            key: field.path().to_owned(),
            place: field.place(),
            file,
        });
        Some(SecretString::from(trimmed))
    }
}

/// Editors and `echo` end a file with a newline that is no part of the secret; anything more is.
pub(crate) fn trim_one_newline(text: &str) -> &str {
    text.strip_suffix("\r\n")
        .or_else(|| text.strip_suffix('\n'))
        .unwrap_or(text)
}

/// One message per file with a secret in it that everybody on the machine can read, and one for a config that everybody
/// can change: whoever does has the secrets sent to an address of their own.
pub(crate) fn exposed(config: &super::Config) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    let mut messages = Vec::new();
    if let Ok(metadata) = std::fs::metadata(&config.file) {
        let mode = metadata.permissions().mode();
        if metadata.is_file() && mode & 0o002 != 0 {
            let message = format!(
                "everybody on this machine can change it (mode {:03o}); run `chmod o-rwx {}`",
                mode & 0o777,
                config.file.display()
            );
            messages.push(located(&config.file, None, "", &message));
        }
    }
    for origin in &config.secrets {
        let Some(file) = &origin.file else { continue };
        // A file that is gone by now cannot be read by anybody.
        let Ok(metadata) = std::fs::metadata(file) else {
            continue;
        };
        let mode = metadata.permissions().mode();
        if mode & 0o004 != 0 && seen.insert(file.clone()) {
            let message = format!(
                "the secret is in {}, which everybody on this machine can read (mode {:03o}); run `chmod o-rwx {}`",
                file.display(),
                mode & 0o777,
                file.display()
            );
            messages.push(located(
                &config.file,
                Some(origin.place),
                &origin.key,
                &message,
            ));
        }
    }
    messages
}
