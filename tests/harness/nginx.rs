//! nginx as a child process.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// A child process, killed when dropped.
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// nginx, listening, with a folder that is removed in the end.
pub(crate) struct Nginx {
    pub(crate) address: SocketAddr,
    folder: PathBuf,
    _process: Process,
}

impl Nginx {
    /// Starts it with the `http` block that `http` makes of the address to listen on and of the folder, where it may write files.
    pub(crate) fn start(http: impl FnOnce(SocketAddr, &Path) -> String) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("nginx-{}", address.port()));
        fs::create_dir_all(&folder).unwrap();
        let configuration = configuration(&folder, &http(address, &folder));
        fs::write(folder.join("nginx.conf"), configuration).unwrap();
        let mut process = Command::new(program());
        let process = process.arg("-e").arg("stderr").arg("-p").arg(&folder).arg("-c").arg(folder.join("nginx.conf"));
        let process = Process(process.spawn().unwrap());
        let patience = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < patience, "nginx does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { address, folder, _process: process }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).unwrap();
    }
}

fn configuration(folder: &Path, http: &str) -> String {
    let folder = folder.display();
    format!(
        "daemon off; master_process off; pid {folder}/pid; error_log stderr crit;
        events {{ }}
        http {{
            access_log off;
            client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
            uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
            {http}
        }}"
    )
}

fn program() -> PathBuf {
    let folders = std::env::var_os("PATH").unwrap();
    let mut places = std::env::split_paths(&folders).chain([PathBuf::from("/usr/sbin")]);
    let found = places.find_map(|folder| Some(folder.join("nginx")).filter(|program| program.exists()));
    found.expect("nginx is missing: `apt-get install nginx` (./tests/run.sh does)")
}
