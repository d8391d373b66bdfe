//! The manifests in `envoy/kubernetes`: they are valid by the projects' own schemas, which reject
//! planted mistakes, and `verdigris check` reads them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The documents of a YAML file, read by PyYAML, which `make tools` installs.
fn documents(path: &Path) -> Vec<Value> {
    let script = "import json, sys, yaml; \
                  print(json.dumps([it for it in yaml.safe_load_all(open(sys.argv[1])) if it]))";
    let python = root().join(".tools/venv/bin/python");
    let output = Command::new(python).args(["-c", script]).arg(path).output();
    let output = output.expect("make tools");
    assert!(output.status.success(), "{}: {output:?}", path.display());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The manifests of Istio and of Envoy Gateway.
fn manifests() -> Vec<(PathBuf, Vec<Value>)> {
    let mut all = Vec::new();
    for folder in ["istio", "envoy-gateway"] {
        let folder = root().join("envoy/kubernetes").join(folder);
        let mut files: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
        files.sort();
        files.retain(|it| !it.ends_with("kustomization.yaml"));
        all.extend(files.into_iter().map(|it| (it.clone(), documents(&it))));
    }
    assert!(all.len() >= 8);
    all
}

/// The errors of an object by the schema of its kind, made from the project's CRD.
fn errors(object: &Value) -> Vec<String> {
    let text = |name: &str| object[name].as_str().unwrap_or_default();
    let name = format!("{}_{}.json", text("apiVersion").replace('/', "_"), text("kind"));
    let Ok(schema) = std::fs::read_to_string(root().join("tests/data/crds").join(&name)) else {
        return vec![format!("there is no {name}")];
    };
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    validator.iter_errors(object).map(|it| format!("{}: {it}", it.instance_path())).collect()
}

#[test]
fn the_manifests_are_valid() {
    for (path, objects) in manifests() {
        assert!(!objects.is_empty());
        for object in &objects {
            assert_eq!(errors(object), [] as [String; 0], "{}", path.display());
        }
    }
}

/// The object of this kind.
fn object(kind: &str) -> Value {
    let all = manifests();
    let mut objects = all.iter().flat_map(|(_, objects)| objects);
    objects.find(|it| it["kind"] == kind).unwrap_or_else(|| panic!("no {kind}")).clone()
}

/// A kind, the pointer to a value, and what takes its place; `None` removes it.
#[test]
fn planted_mistakes_are_rejected() {
    let cases: [(&str, &str, Option<Value>); 21] = [
        ("WasmPlugin", "/apiVersion", Some(json!("extensions.istio.io/v1"))),
        ("WasmPlugin", "/spec/plugin_config", Some(json!({}))),
        ("WasmPlugin", "/spec/failStrategy", Some(json!("RELOAD"))),
        ("WasmPlugin", "/spec/url", None),
        ("WasmPlugin", "/spec/vmConfig/env/0/valueFrom", Some(json!("ENV"))),
        ("WasmPlugin", "/spec/allowOnHeadersStopIteration", Some(json!(true))),
        ("WasmPlugin", "/metadata/name", Some(json!("Verdigris"))),
        ("VirtualService", "/spec/http/0/match/0/header", Some(json!({}))),
        ("VirtualService", "/spec/http/0/route/0/destination/port/number", Some(json!("8080"))),
        // Istio's rule in CEL: at least 1 ms.
        ("VirtualService", "/spec/http/0/timeout", Some(json!("0s"))),
        ("EnvoyFilter", "/spec/configPatches/0/applyTo", Some(json!("HTTP_CONNECTION_MANAGER"))),
        ("EnvoyFilter", "/spec/configPatches/0/patch/operation", Some(json!("PATCH"))),
        ("EnvoyExtensionPolicy", "/spec/wasm/0/rootId", Some(json!("verdigris"))),
        ("EnvoyExtensionPolicy", "/spec/wasm/0/code/type", Some(json!("OCI"))),
        ("EnvoyExtensionPolicy", "/spec/wasm/0/env/host_keys", Some(json!([]))),
        ("ClientTrafficPolicy", "/spec/headers/earlyRequestHeaders/removes", Some(json!([]))),
        ("EnvoyProxy", "/spec/bootstrap/type", Some(json!("Patch"))),
        ("EnvoyProxy", "/spec/shutdown/drainTimeout", Some(json!(600))),
        ("HTTPRoute", "/spec/rules/0/matches/0/headers/0/exact", Some(json!("green"))),
        ("HTTPRoute", "/spec/rules/0/backendRefs/0/port", Some(json!("8080"))),
        ("HTTPRoute", "/spec/rules/0/timeouts/request", Some(json!("forever"))),
    ];
    for (kind, pointer, value) in cases {
        let mut object = object(kind);
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        let parent = object.pointer_mut(parent).unwrap_or_else(|| panic!("{kind} {pointer}"));
        match value {
            Some(value) => parent[field] = value,
            None => drop(parent.as_object_mut().unwrap().remove(field)),
        }
        assert_ne!(errors(&object), [] as [String; 0], "{kind} {pointer}");
    }
}

fn check(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_verdigris"))
        .arg("check")
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), text + &String::from_utf8(output.stderr).unwrap())
}

#[test]
fn check_reads_the_manifests() {
    for file in ["istio/wasm-plugin.yaml", "envoy-gateway/envoy-extension-policy.yaml"] {
        let (code, text) = check(&["--strict", &format!("envoy/kubernetes/{file}")]);
        assert_eq!(code, 0, "{text}");
        assert!(text.contains("(assistant-v8)"), "{text}");
    }
}

/// A manifest, a part of it, what takes its place, and the finding.
#[test]
fn check_finds_mistakes_in_the_plugin_configuration() {
    let (istio, gateway) = ("istio/wasm-plugin.yaml", "envoy-gateway/envoy-extension-policy.yaml");
    let by_version = "route_by: version_header";
    let cases = [
        (istio, "unit: [{header", "unit: [{query", "unit[0].query: \"x-user-id\": unknown field"),
        (gateway, "green: 5", "green: -5", "weights.green: -5:"),
        (istio, by_version, "on_missing: blue", "versions.blue.cluster: missing"),
        (
            gateway,
            by_version,
            "conversation: {id: {pointer: /id}}\n      route_by: version_header",
            "conversation.id: {\"pointer\":\"/id\"}: the body is read after routing",
        ),
        (
            istio,
            "{name: VERDIGRIS_CONSOLE_TOKEN",
            "{name: TOKEN",
            "console.path: /verdigris: answers 404",
        ),
        (istio, ", valueFrom: HOST", "", "console.path: /verdigris: answers 404"),
        (
            gateway,
            "hostKeys: [VERDIGRIS_CONSOLE_TOKEN]",
            "hostKeys: [A]",
            "console.path: /verdigris: answers 404",
        ),
        (
            istio,
            "blue: {}\n      green: {}",
            "blue: {cluster: a}\n      green: {cluster: b}\n    read_body: before_routing",
            "allow_on_headers_stop_iteration: missing or false",
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (file, from, to, expected) in cases {
        let text = std::fs::read_to_string(root().join("envoy/kubernetes").join(file)).unwrap();
        assert!(text.contains(from), "{from}");
        let mut text = text.replacen(from, to, 1);
        if expected.starts_with("allow") {
            text = text.replace("green: {cluster: b}", "green: {cluster: b, request: {model: m}}");
        }
        let path = folder.path().join("manifest.yaml");
        std::fs::write(&path, text).unwrap();
        let (_, text) = check(&["--strict", path.to_str().unwrap()]);
        assert!(text.contains(expected), "{text}\nmust contain\n{expected}");
    }
}

/// An EnvoyFilter has Envoy's own Wasm filter, with `allow_on_headers_stop_iteration`.
#[test]
fn check_reads_an_envoy_filter() {
    let with = |rollout: &str| {
        format!(
            r#"
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {{name: verdigris, namespace: istio-ingress}}
spec:
  configPatches:
  - applyTo: HTTP_FILTER
    match:
      context: GATEWAY
      listener: {{filterChain: {{filter: {{name: envoy.filters.network.http_connection_manager, subFilter: {{name: envoy.filters.http.router}}}}}}}}
    patch:
      operation: INSERT_BEFORE
      value:
        name: verdigris
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
          config:
            name: verdigris
            root_id: verdigris
            vm_config: {{vm_id: verdigris, runtime: envoy.wasm.runtime.v8, code: {{local: {{filename: /etc/verdigris/plugin.wasm}}}}}}
            failure_policy: FAIL_RELOAD
            allow_on_headers_stop_iteration: true
            configuration:
              "@type": type.googleapis.com/google.protobuf.StringValue
              value: '{{"rollout": "{rollout}", "unit": {{"header": "x-user-id"}}, "route_by": "version_header", "read_body": "before_routing", "versions": {{"green": {{"request": {{"model": "m"}}}}}}}}'
"#
        )
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("envoy-filter.yaml");
    std::fs::write(&path, with("assistant-v8")).unwrap();
    assert_eq!(errors(&documents(&path)[0]), [] as [String; 0]);
    let (code, text) = check(&[path.to_str().unwrap()]);
    assert!(code == 0 && text.contains("(assistant-v8)"), "{text}");
    std::fs::write(&path, with("Assistant V8")).unwrap();
    let (code, text) = check(&[path.to_str().unwrap()]);
    assert!(code == 1 && text.contains("rollout: \"Assistant V8\": use 1 to 63"), "{text}");
}

/// The shipped file with each text replaced, which it must have this often.
fn adapted(file: &str, replacements: &[(&str, &str, usize)]) -> String {
    let mut text = std::fs::read_to_string(root().join("envoy").join(file)).unwrap();
    for (from, to, count) in replacements {
        assert_eq!(text.matches(from).count(), *count, "{from}");
        text = text.replace(from, to);
    }
    text
}

/// What follows the comment at the beginning.
fn after_comment<'a>(text: &'a str, begin: &str) -> &'a str {
    &text[text.find(begin).unwrap()..]
}

#[test]
fn the_plain_deployment_has_the_shipped_files_with_other_places() {
    let plain = root().join("envoy/kubernetes/plain");
    let read = |file: &str| std::fs::read_to_string(plain.join(file)).unwrap();
    let wasm = ("filename: verdigris.wasm", "filename: /etc/verdigris-wasm/plugin.wasm", 1);
    for file in ["filter.yaml", "console.yaml"] {
        assert_eq!(read(file), adapted(&format!("config/{file}"), &[wasm]), "{file}");
    }
    let envoy = read("envoy.yaml");
    // The listener for probes, and its cluster.
    let begin = envoy.find("  # For the kubelet and Prometheus").unwrap();
    let end = envoy.find("  - name: verdigris-shadow\n").unwrap();
    let metrics = &envoy[begin..end];
    for exposed in ["path: /ready", "path: /stats/prometheus"] {
        assert!(metrics.contains(exposed));
    }
    assert_eq!(metrics.matches("cluster: admin}").count(), 2);
    let without = format!("{}  clusters:\n{}", &envoy[..begin], &envoy[end..]);
    let node = "# ECDS requires a node.";
    let expected = adapted(
        "envoy.yaml",
        &[
            (
                "# ECDS requires a node. Use the names of your fleet.\nnode: {id: envoy,",
                "# ECDS requires a node. deployment.yaml gives each pod its own id by \
                 --service-node.\nnode: {id: set-by-service-node,",
                1,
            ),
            ("{address: 127.0.0.1, port_value: 10000}", "{address: 0.0.0.0, port_value: 10000}", 1),
            ("path: config/filter.yaml\n", "path: /etc/verdigris/filter.yaml\n", 3),
            ("path: config/console.yaml\n", "path: /etc/verdigris/console.yaml\n", 1),
            ("watched_directory: {path: config}", "watched_directory: {path: /etc/verdigris}", 4),
            (
                "llm-blue\n    type: STATIC\n    connect",
                "llm-blue\n    type: STRICT_DNS\n    connect",
                1,
            ),
            (
                "llm-green\n    type: STATIC\n    connect",
                "llm-green\n    type: STRICT_DNS\n    connect",
                1,
            ),
            ("{address: 127.0.0.1, port_value: 4020}", "{address: llm-blue, port_value: 8080}", 1),
            ("{address: 127.0.0.1, port_value: 4021}", "{address: llm-green, port_value: 8080}", 1),
        ],
    );
    assert_eq!(after_comment(&without, node), after_comment(&expected, node));
}

/// Another limit would be an error of one version only.
#[test]
fn all_listeners_of_a_release_treat_requests_alike() {
    for file in ["envoy/envoy.yaml", "envoy/kubernetes/plain/envoy.yaml"] {
        let bootstrap = &documents(&root().join(file))[0];
        let manager = |name: &str| {
            let listeners = bootstrap["static_resources"]["listeners"].as_array().unwrap();
            let listener = listeners.iter().find(|it| it["name"] == name).unwrap();
            &listener["filter_chains"][0]["filters"][0]["typed_config"]
        };
        let route = |name: &str| {
            let routes = &manager(name)["route_config"]["virtual_hosts"][0]["routes"];
            let route = &routes.as_array().unwrap().last().unwrap()["route"];
            ["timeout", "idle_timeout", "retry_policy"].map(|it| route[it].clone())
        };
        let expected = route("llm");
        assert!(expected.iter().all(|it| !it.is_null()), "{expected:?}");
        for name in ["llm-shadow", "llm-green", "llm-blue"] {
            assert_eq!(route(name), expected, "{file}: {name}");
        }
        let upgrades = |name: &str| manager(name)["upgrade_configs"].clone();
        for name in ["llm-green", "llm-blue"] {
            assert_eq!(upgrades(name), upgrades("llm"), "{file}: {name}");
        }
    }
}

/// Envoy Gateway's own limits are below the default of `max_request_body`.
#[test]
fn envoy_gateway_buffers_every_body_that_the_filter_changes() {
    let policy = object("ClientTrafficPolicy");
    for pointer in [
        "/spec/connection/bufferLimit",
        "/spec/http2/initialStreamWindowSize",
        "/spec/http2/initialConnectionWindowSize",
    ] {
        let limit = policy.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let mebibytes: u64 = limit.strip_suffix("Mi").unwrap().parse().unwrap();
        assert!(mebibytes << 20 > 1_000_000, "{pointer}: {limit}");
    }
}

/// Envoy itself reads the files, at other paths.
#[test]
fn envoy_accepts_the_plain_deployment() {
    let wasm = root().join("target/wasm32-wasip1/release/verdigris.wasm");
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().to_str().unwrap();
    for file in ["envoy.yaml", "filter.yaml", "console.yaml"] {
        let text =
            std::fs::read_to_string(root().join("envoy/kubernetes/plain").join(file)).unwrap();
        let text = text.replace("/etc/verdigris-wasm/plugin.wasm", wasm.to_str().unwrap());
        std::fs::write(folder.path().join(file), text.replace("/etc/verdigris", at)).unwrap();
    }
    let mut envoy = Command::new(root().join(".tools/bin/envoy"));
    envoy.args(["--mode", "validate", "-c"]).arg(folder.path().join("envoy.yaml"));
    let output = envoy.output().expect("make tools");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let files = ["envoy.yaml", "filter.yaml", "console.yaml"].map(|file| format!("{at}/{file}"));
    let (code, text) = check(&["--strict", &files[0], &files[1], &files[2]]);
    assert_eq!(code, 0, "{text}");
}

/// Deployment and ConfigMaps name each other.
#[test]
fn the_objects_of_the_plain_deployment_agree() {
    let plain = root().join("envoy/kubernetes/plain");
    let one = |file: &str| documents(&plain.join(file)).remove(0);
    let (deployment, service) = (one("deployment.yaml"), one("service.yaml"));
    let pod = &deployment["spec"]["template"];
    let labels = &pod["metadata"]["labels"];
    assert_eq!(&deployment["spec"]["selector"]["matchLabels"], labels);
    assert_eq!(&service["spec"]["selector"], labels);
    let names = |list: &Value, field: &str| -> Vec<String> {
        let names =
            list.as_array().unwrap().iter().map(|it| it[field].as_str().unwrap().to_owned());
        names.collect()
    };
    let container = &pod["spec"]["containers"][0];
    assert_eq!(names(&container["volumeMounts"], "name"), names(&pod["spec"]["volumes"], "name"));
    let generated = names(&one("kustomization.yaml")["configMapGenerator"], "name");
    for volume in pod["spec"]["volumes"].as_array().unwrap() {
        if let Some(name) = volume["configMap"]["name"].as_str() {
            assert!(generated.iter().any(|it| it == name), "{name}");
        }
    }
    let grace = pod["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap();
    let stop = container["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().unwrap();
    assert!(stop < grace);
    let envoy = std::fs::read_to_string(plain.join("envoy.yaml")).unwrap();
    for port in container["ports"].as_array().unwrap() {
        let address = format!("{{address: 0.0.0.0, port_value: {}}}", port["containerPort"]);
        assert!(envoy.contains(&address), "{address}");
    }
}

/// The patch for clusters without image volumes puts the file where the Deployment mounts it.
#[test]
fn the_init_container_agrees_with_the_plain_deployment() {
    let plain = root().join("envoy/kubernetes/plain");
    let one = |file: &str| documents(&plain.join(file)).remove(0);
    let (deployment, patch) = (one("deployment.yaml"), one("init-container.yaml"));
    assert_eq!(patch["metadata"]["name"], deployment["metadata"]["name"]);
    let named = |list: &Value, name: &str| -> Value {
        let list = list.as_array().unwrap();
        list.iter().find(|it| it["name"] == name).unwrap_or_else(|| panic!("no {name}")).clone()
    };
    let (before, after) =
        (&deployment["spec"]["template"]["spec"], &patch["spec"]["template"]["spec"]);
    assert!(named(&before["volumes"], "wasm")["image"]["reference"].is_string());
    let expected = json!({"name": "wasm", "image": null, "emptyDir": {}});
    assert_eq!(named(&after["volumes"], "wasm"), expected);
    let packed = named(&after["volumes"], "packed")["configMap"]["name"].clone();
    assert_eq!(packed, format!("verdigris-wasm-{}", env!("CARGO_PKG_VERSION")));
    let init = &after["initContainers"][0];
    let mount =
        |mounts: &Value, name| named(mounts, name)["mountPath"].as_str().unwrap().to_owned();
    let wasm = mount(&before["containers"][0]["volumeMounts"], "wasm");
    assert_eq!(mount(&init["volumeMounts"], "wasm"), wasm);
    let from = mount(&init["volumeMounts"], "packed") + "/plugin.wasm.gz";
    assert_eq!(init["command"][2], format!("gunzip -c {from} > {wasm}/plugin.wasm"));
}

/// The output of a program in `.tools/bin`.
fn rendered(program: &str, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(root().join(".tools/bin").join(program));
    let output = command.args(arguments).current_dir(root().join("envoy/kubernetes")).output();
    let output = output.expect("make charts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// Rendered objects, in the order of their kinds and names.
fn objects(rendered: &str) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rendered.yaml");
    std::fs::write(&path, rendered).unwrap();
    let mut objects = documents(&path);
    objects.sort_by_key(|it| format!("{} {}", it["kind"], it["metadata"]["name"]));
    objects
}

/// The chart's defaults give the manifests.
#[test]
#[ignore = "needs helm and kubectl: make charts"]
fn the_chart_renders_the_manifests() {
    for (gateway, namespace) in [("istio", "istio-ingress"), ("envoy-gateway", "llm")] {
        let set = format!("gateway={gateway}");
        let chart = ["template", "verdigris", "chart", "-n", namespace, "--set", &set];
        let by_helm = objects(&rendered("helm", &chart).unwrap());
        let by_kustomize = objects(&rendered("kubectl", &["kustomize", gateway]).unwrap());
        assert_eq!(by_helm, by_kustomize, "{gateway}");
        let ramp = "rollout.weights=null,rollout.ramp.bake=10m,image.digest=sha256:";
        let set = format!("gateway={gateway},{ramp}{}", "0".repeat(64));
        let chart = ["template", "verdigris", "chart", "-n", namespace, "--set", &set];
        let with_ramp = rendered("helm", &chart).unwrap();
        for object in objects(&with_ramp) {
            assert_eq!(errors(&object), [] as [String; 0], "{object}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rendered.yaml");
        std::fs::write(&path, &with_ramp).unwrap();
        let (code, text) = check(&[path.to_str().unwrap()]);
        assert!(code == 0 && text.contains("(assistant-v8)"), "{text}");
        assert!(with_ramp.contains("bake: 10m") && with_ramp.contains("@sha256:000"));
        let set = format!("gateway={gateway},clusters[0].name=etcd,clusters[0].connect_timeout=1s");
        let chart = ["template", "verdigris", "chart", "-n", namespace, "--set", &set];
        let with_cluster = objects(&rendered("helm", &chart).unwrap());
        for object in &with_cluster {
            assert_eq!(errors(object), [] as [String; 0], "{object}");
        }
        let cluster = json!({"name": "etcd", "connect_timeout": "1s"});
        let of_kind = |kind: &str| with_cluster.iter().find(|it| it["kind"] == kind);
        if let Some(filter) = of_kind("EnvoyFilter") {
            let patches = filter["spec"]["configPatches"].as_array().unwrap();
            let patch = patches.iter().find(|it| it["applyTo"] == "CLUSTER").unwrap();
            assert_eq!(patch["patch"], json!({"operation": "ADD", "value": cluster}));
        } else {
            let bootstrap = &of_kind("EnvoyProxy").unwrap()["spec"]["bootstrap"]["value"];
            let path = folder.path().join("bootstrap.yaml");
            std::fs::write(&path, bootstrap.as_str().unwrap()).unwrap();
            assert_eq!(documents(&path)[0]["static_resources"]["clusters"], json!([cluster]));
        }
    }
    for wrong in [
        "gateway=nginx",
        "host=",
        "image.digest=latest",
        "backends.blue.port=http",
        "hosts=a",
        "clusters=a",
        // Each of these would remove an object, or leave a name empty in one that control planes accept.
        "gateway=null",
        "host=null",
        "istio.gateway=",
        "istio.gateway=null",
        "backends.blue.namespace=",
        "backends.blue.namespace=null",
        "image.tag=",
        "image.digest=null,image.tag=null",
        "gateway=envoy-gateway,envoyGateway.tokenSecret=",
        "gateway=envoy-gateway,envoyGateway.drainTimeout=null",
        "gateway=envoy-gateway,envoyGateway.gateway.create=false,clusters[0].name=etcd",
    ] {
        assert!(rendered("helm", &["template", "chart", "--set", wrong]).is_err(), "{wrong}");
    }
    let plain = objects(&rendered("kubectl", &["kustomize", "plain"]).unwrap());
    let kinds: Vec<_> = plain.iter().map(|it| it["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["ConfigMap", "ConfigMap", "Deployment", "Service"]);
    assert_eq!(plain[0]["metadata"]["name"], "verdigris");
}

/// Helm adds the fields of a map to those of its default, so no default has a field that must go.
#[test]
#[ignore = "needs helm and kubectl: make charts"]
fn values_replace_the_chart_s_selector_unit_and_host() {
    let values = r#"
host: "*.example.com"
istio: {selector: {app: llm-gw}}
rollout: {unit: {cookie: uid}}
"#;
    let folder = tempfile::tempdir().unwrap();
    let values_path = folder.path().join("values.yaml");
    std::fs::write(&values_path, values).unwrap();
    for gateway in ["istio", "envoy-gateway"] {
        let set = format!("gateway={gateway}");
        let values = ["template", "chart", "-f", values_path.to_str().unwrap(), "--set", &set];
        let text = rendered("helm", &values).unwrap();
        let path = folder.path().join("rendered.yaml");
        std::fs::write(&path, &text).unwrap();
        let (code, checked) = check(&[path.to_str().unwrap()]);
        assert!(code == 0 && checked.contains("(assistant-v8)"), "{checked}");
        let objects = objects(&text);
        let of_kind = |kind: &str| objects.iter().find(|it| it["kind"] == kind);
        if let Some(plugin) = of_kind("WasmPlugin") {
            let labels = json!({"app": "llm-gw"});
            assert_eq!(plugin["spec"]["selector"]["matchLabels"], labels);
            let filter = of_kind("EnvoyFilter").unwrap();
            assert_eq!(filter["spec"]["workloadSelector"]["labels"], labels);
            assert_eq!(plugin["spec"]["pluginConfig"]["unit"], json!({"cookie": "uid"}));
            let service = of_kind("VirtualService").unwrap();
            assert_eq!(service["spec"]["hosts"], json!(["*.example.com"]));
        } else {
            let policy = of_kind("EnvoyExtensionPolicy").unwrap();
            assert_eq!(policy["spec"]["wasm"][0]["config"]["unit"], json!({"cookie": "uid"}));
            let route = of_kind("HTTPRoute").unwrap();
            assert_eq!(route["spec"]["hostnames"], json!(["*.example.com"]));
        }
    }
}

/// The chart's objects with these values.
fn chart(gateway: &str, set: &str) -> Vec<Value> {
    let set = format!("gateway={gateway},{set}");
    let objects = objects(&rendered("helm", &["template", "chart", "--set", &set]).unwrap());
    for object in &objects {
        assert_eq!(errors(object), [] as [String; 0], "{object}");
    }
    objects
}

/// Helm reads the annotation where it is rendered, not where `kubectl annotate` writes it.
#[test]
#[ignore = "needs helm and kubectl: make charts"]
fn the_routes_and_the_gateway_stay_if_the_values_say_so() {
    let kept = |gateway: &str, keep: &str| -> Vec<String> {
        let mut objects = chart(gateway, keep);
        objects.retain(|it| it["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep");
        objects.iter().map(|it| it["kind"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kept("istio", "keep=true"), ["VirtualService"]);
    let expected = ["EnvoyProxy", "Gateway", "GatewayClass", "HTTPRoute"];
    assert_eq!(kept("envoy-gateway", "keep=true"), expected);
    for gateway in ["istio", "envoy-gateway"] {
        assert_eq!(kept(gateway, "keep=false"), [] as [String; 0]);
    }
}

/// A Gateway takes one ClientTrafficPolicy, and a cluster one GatewayClass of a name.
#[test]
#[ignore = "needs helm and kubectl: make charts"]
fn a_policy_and_a_class_of_a_gateway_that_exist_are_not_rendered() {
    let kinds = |set: &str| -> Vec<String> {
        let objects = chart("envoy-gateway", set);
        objects.iter().map(|it| it["kind"].as_str().unwrap().to_owned()).collect()
    };
    let all = [
        "ClientTrafficPolicy",
        "EnvoyExtensionPolicy",
        "EnvoyProxy",
        "Gateway",
        "GatewayClass",
        "HTTPRoute",
    ];
    let without = |kind: &str| all.into_iter().filter(|it| *it != kind).collect::<Vec<_>>();
    assert_eq!(kinds("envoyGateway.gatewayClass.create=true"), all);
    let policy = kinds("envoyGateway.clientTrafficPolicy.create=false");
    assert_eq!(policy, without("ClientTrafficPolicy"));
    let class = "envoyGateway.gatewayClass.create=false,envoyGateway.gatewayClass.name=eg";
    assert_eq!(kinds(class), without("GatewayClass"));
    let objects = chart("envoy-gateway", class);
    let gateway = objects.iter().find(|it| it["kind"] == "Gateway").unwrap();
    assert_eq!(gateway["spec"]["gatewayClassName"], "eg");
}

/// As docs/how-to/kubernetes.md says.
#[test]
#[ignore = "needs helm and kubectl: make charts"]
fn the_init_container_replaces_the_image_volume() {
    let folder = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(root().join("envoy/kubernetes/plain")).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
    }
    let path = folder.path().join("kustomization.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text + "patches:\n- path: init-container.yaml\n").unwrap();
    let objects =
        objects(&rendered("kubectl", &["kustomize", folder.path().to_str().unwrap()]).unwrap());
    let deployment = objects.iter().find(|it| it["kind"] == "Deployment").unwrap();
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(pod["initContainers"][0]["name"], "unpack");
    let volumes = pod["volumes"].as_array().unwrap();
    assert_eq!(volumes.len(), 4);
    assert!(volumes.contains(&json!({"name": "wasm", "emptyDir": {}})), "{volumes:?}");
}

#[test]
fn the_chart_has_the_project_s_version() {
    let chart = &documents(&root().join("envoy/kubernetes/chart/Chart.yaml"))[0];
    let values = &documents(&root().join("envoy/kubernetes/chart/values.yaml"))[0];
    for version in [&chart["version"], &chart["appVersion"], &values["image"]["tag"]] {
        assert_eq!(version, env!("CARGO_PKG_VERSION"));
    }
}

/// The manifests, and the commands of the guides that push an image for them.
#[test]
fn every_image_reference_has_the_project_s_version() {
    const IMAGE: &str = "registry.example.com/verdigris:";
    let folders = [
        "docs/how-to",
        "envoy/kubernetes/istio",
        "envoy/kubernetes/envoy-gateway",
        "envoy/kubernetes/plain",
    ];
    for folder in folders {
        let mut count = 0;
        for file in std::fs::read_dir(root().join(folder)).unwrap() {
            let path = file.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            for tag in text.split(IMAGE).skip(1) {
                let end = tag.find(|it: char| it.is_whitespace() || "\"`,".contains(it));
                let tag = &tag[..end.unwrap_or(tag.len())];
                assert_eq!(tag, env!("CARGO_PKG_VERSION"), "{}", path.display());
                count += 1;
            }
        }
        assert!(count > 0, "{folder}");
    }
}
