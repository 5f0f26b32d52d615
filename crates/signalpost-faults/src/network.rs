//! Hosts that can be cut off: network namespaces with addresses of their own, and one with the bridge between them.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use signalpost::BoxError;
use signalpost_postgres_server::{ServerOptions, install_namespaces};

/// What the names of namespaces begin with, before the number of the process that they belong to.
const NAMED: &str = "faults-";
/// Of the range that is set aside for tests of networks. Nobody but the hosts ever sees it.
const RANGE: &str = "198.18.0.0/24";
const fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 18, 0, number)
}

/// A host in the middle, which has the bridge, and those around it. The machine's own network has no part in it. Is gone
/// when it is dropped.
pub struct Network {
    middle: String,
    hosts: Vec<Host>,
}

/// A namespace with one link, to the bridge.
#[derive(Debug, Clone)]
pub struct Host {
    namespace: String,
    middle: String,
    link: String,
}

impl Network {
    /// A bridge with so many hosts.
    ///
    /// # Errors
    ///
    /// When namespaces cannot be made, with what is missing.
    pub fn new(hosts: u8) -> Result<Self, BoxError> {
        install_namespaces()?;
        remove_what_the_dead_have_left()?;
        let name: String = (0..6).map(|_| fastrand::lowercase()).collect();
        let mut network = Self { middle: format!("{NAMED}{}-{name}", std::process::id()), hosts: Vec::new() };
        add_namespace(&network.middle)?;
        network.ip("link add bridge type bridge")?;
        network.ip(&format!("address add {}/24 dev bridge", network.address()))?;
        network.ip("link set bridge up")?;
        for number in 0..hosts {
            network.add(number)?;
        }
        Ok(network)
    }

    fn add(&mut self, number: u8) -> Result<(), BoxError> {
        let (namespace, link) = (format!("{}-{number}", self.middle), format!("host{number}"));
        add_namespace(&namespace)?;
        self.hosts.push(Host { namespace: namespace.clone(), middle: self.middle.clone(), link: link.clone() });
        self.ip(&format!("link add {link} type veth peer name eth0 netns {namespace}"))?;
        self.ip(&format!("link set {link} master bridge up"))?;
        ip(&format!("-netns {namespace} address add {}/24 dev eth0", address(number + 2)))?;
        ip(&format!("-netns {namespace} link set eth0 up"))?;
        Ok(())
    }

    fn ip(&self, arguments: &str) -> Result<(), BoxError> {
        ip(&format!("-netns {} {arguments}", self.middle))
    }

    /// The host in the middle, as the others see it.
    pub fn address(&self) -> Ipv4Addr {
        address(1)
    }

    /// A server there.
    #[must_use]
    pub fn server(&self) -> ServerOptions {
        ServerOptions::new().in_namespace(&self.middle, self.address(), RANGE)
    }

    /// The hosts around it.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // Their links go with them.
        let namespaces = self.hosts.iter().map(|host| &host.namespace).chain([&self.middle]);
        for namespace in namespaces {
            let _ = ip(&format!("netns delete {namespace}"));
        }
    }
}

impl Host {
    /// What runs the program there.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]).arg(program);
        command
    }

    /// Takes the link away: nothing comes through, and nobody is told.
    ///
    /// # Errors
    ///
    /// What `ip` says.
    pub fn cut_off(&self) -> Result<(), BoxError> {
        ip(&format!("-netns {} link set {} down", self.middle, self.link))
    }

    /// Gives it its link again.
    ///
    /// # Errors
    ///
    /// What `ip` says.
    pub fn connect(&self) -> Result<(), BoxError> {
        ip(&format!("-netns {} link set {} up", self.middle, self.link))
    }
}

/// A process that was killed could not take its namespaces away.
fn remove_what_the_dead_have_left() -> Result<(), BoxError> {
    let listed = said("netns list")?;
    for name in listed.lines().filter_map(|line| line.split(' ').next()) {
        let owner = name.strip_prefix(NAMED).and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            ip(&format!("netns delete {name}"))?;
        }
    }
    Ok(())
}

fn add_namespace(name: &str) -> Result<(), BoxError> {
    ip(&format!("netns add {name}"))?;
    ip(&format!("-netns {name} link set lo up"))
}

fn ip(arguments: &str) -> Result<(), BoxError> {
    said(arguments).map(drop)
}

fn said(arguments: &str) -> Result<String, BoxError> {
    let said = Command::new("ip").args(arguments.split(' ')).output().map_err(|error| format!("ip: {error}"))?;
    if !said.status.success() {
        return Err(format!("ip {arguments}: {}", String::from_utf8_lossy(&said.stderr).trim()).into());
    }
    Ok(String::from_utf8_lossy(&said.stdout).into_owned())
}
