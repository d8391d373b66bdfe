//! A real small language model with OpenAI's API, which `make judge` installs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use reqwest::blocking::Client;
use tempfile::TempDir;

use crate::port::Port;
use crate::process::{Process, wait_at_most};

/// The model takes seconds for an answer on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(300);

/// A running SmolLM2-135M-Instruct. It ends with this value.
pub struct SmallModel {
    url: String,
    client: Client,
    _process: Process,
    _port: Port,
    _folder: TempDir,
}

impl SmallModel {
    /// Starts the model, and waits until it answers.
    pub fn start() -> Self {
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = project.join(".tools/judge/bin/python");
        assert!(python.exists(), "{} is missing; `make judge` installs it", python.display());
        let folder = TempDir::with_prefix("verdigris-model-").unwrap();
        let port = Port::reserve();
        let mut command = Command::new(python);
        command.arg(data("serve.py")).arg(port.number.to_string());
        let mut process = Process::start(&mut command, &folder.path().join("model.log"));
        let client = Client::builder().no_proxy().timeout(TIMEOUT).build().unwrap();
        let url = format!("http://127.0.0.1:{}", port.number);
        wait_at_most(TIMEOUT, "the model", || {
            assert!(process.exit_success().is_none(), "the model ended:\n{}", process.log());
            let answer = client.get(format!("{url}/health")).send();
            answer.ok().filter(|it| it.status() == 200)
        });
        Self { url, client, _process: process, _port: port, _folder: folder }
    }

    /// The body of the answer to a question.
    pub fn ask(&self, question: Vec<u8>) -> Vec<u8> {
        let request = self.client.post(format!("{}/v1/chat/completions", self.url));
        let answer = request.header("content-type", "application/json").body(question).send();
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 200, "{:?}", answer.text());
        answer.bytes().unwrap().to_vec()
    }
}

/// A file in the folder with the judge's data.
pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/judge").join(name)
}
