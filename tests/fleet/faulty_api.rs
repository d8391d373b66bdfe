//! The store in a stand-in of the Kubernetes API, whose network loses, delays and repeats what is sent.

use std::cell::RefCell;
use std::rc::Rc;

use verdigris::callout::{HttpCalls, HttpError, HttpRequest, HttpResponse};
use verdigris::fleet::kubernetes::KubernetesStore;
use verdigris::fleet::{FleetRecord, FleetStore, Transaction};
use verdigris::rollout::store::poll_once;

use super::kube_api::{ApiRequest, KubeApi, NAMESPACE};
use super::network::{Call, Fate, Network};
use super::pending_once::PendingOnce;
use super::test_store::TestStore;

/// The API. Clones are the same one.
#[derive(Clone, Default)]
pub struct FaultyApi(Rc<Inner>);

#[derive(Default)]
struct Inner {
    api: RefCell<KubeApi>,
    network: Network<HttpRequest>,
}

/// One instance's calls.
#[derive(Clone)]
pub struct ApiCalls {
    api: FaultyApi,
    /// Whether each call is answered at once.
    is_direct: bool,
}

impl FaultyApi {
    fn apply(&self, request: &HttpRequest) -> HttpResponse {
        let header = |name: &str| {
            let found = request.headers.iter().find(|(it, _)| *it == name);
            found.map(|(_, value)| (*value).to_owned()).unwrap_or_default()
        };
        let answer = self.0.api.borrow_mut().answer(&ApiRequest {
            method: request.method.to_owned(),
            path: request.path.clone(),
            accept: header("accept"),
            content_type: header("content-type"),
            authorization: header("authorization"),
            body: request.body.clone(),
        });
        let sent = request.path.len() + request.body.len();
        self.0.network.count(1, sent, answer.body.len());
        HttpResponse { status: answer.status, retry_after_s: None, body: answer.body }
    }

    /// A store whose calls are answered at once.
    pub fn direct(&self) -> KubernetesStore<ApiCalls> {
        let calls = ApiCalls { api: self.clone(), is_direct: true };
        KubernetesStore::new(calls, NAMESPACE, "r")
    }
}

impl HttpCalls for ApiCalls {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if self.is_direct {
            return Ok(self.api.apply(&request));
        }
        PendingOnce::default().await;
        let network = &self.api.0.network;
        let call = if request.method == "GET" { Call::Read } else { Call::Write };
        let fate = network.draw(call);
        let answer = match fate {
            Fate::Answered | Fate::AnswerLost => Some(self.api.apply(&request)),
            Fate::Repeated => {
                let first = self.api.apply(&request);
                self.api.apply(&request);
                Some(first)
            }
            Fate::RepeatedLate => {
                self.api.apply(&request);
                Some(self.api.apply(&request))
            }
            Fate::Refused | Fate::Lost => None,
            Fate::Delayed => {
                network.delayed.borrow_mut().push(request);
                None
            }
        };
        PendingOnce::default().await;
        match (fate, answer) {
            (Fate::Answered | Fate::Repeated | Fate::RepeatedLate, Some(answer)) => Ok(answer),
            (Fate::Refused, _) => Err(HttpError::NotSent("refused".to_owned())),
            _ => Err(HttpError::CutShort),
        }
    }
}

impl TestStore for FaultyApi {
    type Client = KubernetesStore<ApiCalls>;
    type Sent = HttpRequest;
    type Backup = KubeApi;

    fn client(&self) -> Rc<Self::Client> {
        let calls = ApiCalls { api: self.clone(), is_direct: false };
        Rc::new(KubernetesStore::new(calls, NAMESPACE, "r"))
    }

    fn network(&self) -> &Network<HttpRequest> {
        &self.0.network
    }

    fn arrive_late(&self, request: HttpRequest) {
        self.apply(&request);
    }

    fn wipe(&self) {
        self.0.network.delayed.borrow_mut().clear();
        self.0.api.replace(KubeApi::default());
    }

    fn backup(&self) -> KubeApi {
        self.0.api.borrow().clone()
    }

    fn restore(&self, backup: KubeApi) {
        self.0.api.replace(backup);
    }

    fn get(&self, record: &FleetRecord) -> Option<Vec<u8>> {
        let found = poll_once(self.direct().read(record)).unwrap().unwrap();
        found.map(|it| it.value)
    }

    fn put(&self, record: FleetRecord, value: Vec<u8>) {
        let store = self.direct();
        let found = poll_once(store.read(&record)).unwrap().unwrap();
        let transaction = Transaction {
            guards: vec![(record.clone(), found.map(|it| it.revision))],
            puts: vec![(record, value)],
            ..Transaction::default()
        };
        poll_once(store.commit(transaction)).unwrap().unwrap();
    }
}
