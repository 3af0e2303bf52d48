//! Where everything is: the checkout, and what the local stack keeps under `.local/`.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::{
    error::{Error, Result},
    process,
};

/// The checkout that the local stack belongs to.
#[derive(Clone, Debug)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The checkout that the current folder is in.
    ///
    /// # Errors
    /// If it is in none.
    pub fn find() -> Result<Self> {
        let here = env::current_dir().map_err(Error::file("cannot find", "."))?;
        let root = here
            .ancestors()
            .find(|folder| folder.join("infra/local/setup.sh").is_file() && folder.join("Cargo.toml").is_file());
        match root {
            Some(root) => Ok(Self { root: root.to_owned() }),
            None => Err(Error::Missing(format!(
                "{} is not in a checkout of Serin (no infra/local/setup.sh above it)",
                here.display()
            ))),
        }
    }

    /// The checkout's top folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path under `.local/`.
    #[must_use]
    pub fn local(&self, path: &str) -> PathBuf {
        self.root.join(".local").join(path)
    }

    /// Makes the Python environments if they are missing or old; says what it does only where it does something.
    ///
    /// # Errors
    /// If there is no Python 3.13, or an installation fails.
    pub async fn set_up(&self) -> Result<()> {
        let script = self.root.join("infra/local/setup.sh");
        process::run_visibly(tokio::process::Command::new("sh").arg(script)).await
    }

    /// Folders of stacks that are gone, whatever ended them.
    pub(crate) fn prune_states(&self) {
        let Ok(states) = fs::read_dir(self.local("state")) else {
            return;
        };
        for state in states.flatten() {
            let owner = state.file_name().to_string_lossy().parse().ok();
            if owner.is_some_and(|id| !process::is_running(id)) {
                // Left for the next start where it cannot be removed.
                let _ = fs::remove_dir_all(state.path());
            }
        }
    }
}
