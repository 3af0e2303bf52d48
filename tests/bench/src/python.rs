//! The environment of the Python rollback: `.local/bench`, made once from a lock file.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    cargo::run,
    error::{Outcome, doing},
    function::Program,
};

const HINT: &str = "its messages are above; Python 3.13 with venv and ensurepip is needed, PYTHON= names one";

/// Makes the environment where it is not there or out of date.
pub(crate) fn rollback(root: &Path) -> Outcome<Program> {
    let sources = root.join("tests/bench/python");
    let lock = sources.join("requirements.lock.txt");
    let environment = root.join(".local/bench");
    let python = environment.join("bin/python");
    let stamp = environment.join("stamp");
    let wanted = fs::read_to_string(&lock).map_err(doing(format!("read {}", lock.display())))?;
    // An environment holds absolute paths, so one that moved is made again.
    let wanted = format!("{}\n{wanted}", root.display());
    if !matches!(fs::read_to_string(&stamp), Ok(made) if made == wanted) {
        make(root, &environment, &python, &lock)?;
        fs::write(&stamp, wanted).map_err(doing(format!("write {}", stamp.display())))?;
    }
    Ok(Program {
        name: "python".to_owned(),
        path: python,
        arguments: ["-m", "awslambdaric", "app.handler"].map(str::to_owned).to_vec(),
        variables: vec![("PYTHONPATH", sources.clone()), ("LAMBDA_TASK_ROOT", sources)],
    })
}

fn make(root: &Path, environment: &Path, python: &Path, lock: &Path) -> Outcome<()> {
    // The local stack knows how to find a Python 3.13 that works, and says what to install if there is none.
    let mut set_up = Command::new("sh");
    run(set_up.current_dir(root).arg("infra/local/setup.sh"), HINT)?;
    match fs::remove_dir_all(environment) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).map_err(doing(format!("remove {}", environment.display())));
        }
        _ => {}
    }
    let mut venv = Command::new(root.join(".local/tools/bin/python"));
    run(venv.args(["-m", "venv"]).arg(environment), HINT)?;
    let mut install = Command::new(python);
    install.args(["-m", "pip", "install", "--quiet", "--no-deps", "--no-input"]);
    install.args(["--disable-pip-version-check", "--only-binary", ":all:", "--requirement"]);
    run(install.arg(lock), HINT)
}

/// What the environment is made of, for the report.
pub(crate) fn versions(root: &Path) -> Outcome<String> {
    let lock: PathBuf = root.join("tests/bench/python/requirements.lock.txt");
    let lock = fs::read_to_string(&lock).map_err(doing(format!("read {}", lock.display())))?;
    let shown = ["boto3==", "awslambdaric=="];
    let lines = lock
        .lines()
        .filter(|line| shown.iter().any(|name| line.starts_with(name)));
    Ok(lines.map(|line| line.replace("==", " ")).collect::<Vec<_>>().join(", "))
}
