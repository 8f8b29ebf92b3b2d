package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	apidiscovery "k8s.io/api/apidiscovery/v2"
	apps "k8s.io/api/apps/v1"
	authentication "k8s.io/api/authentication/v1"
	authorization "k8s.io/api/authorization/v1"
	core "k8s.io/api/core/v1"
	policy "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/scheme"
	appsclient "k8s.io/client-go/kubernetes/typed/apps/v1"
	authenticationclient "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	coreclient "k8s.io/client-go/kubernetes/typed/core/v1"
	policyclient "k8s.io/client-go/kubernetes/typed/policy/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// What the server makes in a namespace by itself has no such label.
const own = "a=1"

type server struct {
	Host  string `json:"host"`
	Token string `json:"token"`
	// A namespace of its own, and the plural of a custom kind of example.com/v1 with one object in it.
	Namespace string `json:"namespace"`
	Custom    string `json:"custom"`
	// How many ConfigMaps to write.
	Count int `json:"count"`
}

// What came back, by content type.
type recorder struct {
	next  http.RoundTripper
	mutex sync.Mutex
	types map[string]int
}

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := r.next.RoundTrip(request)
	if err == nil {
		r.mutex.Lock()
		r.types[response.Header.Get("Content-Type")]++
		r.mutex.Unlock()
	}
	return response, err
}

type found struct {
	Types    map[string]int `json:"types"`
	Failed   string         `json:"failed,omitempty"`
	Listed   int            `json:"listed"`
	Pages    int            `json:"pages"`
	Informed []string       `json:"informed"`
	Data     string         `json:"data"`
	Partials []string       `json:"partials"`
	Customs  []string       `json:"customs"`
	Refused  []string       `json:"refused"`
	Ready    int32          `json:"ready"`
	Replicas int32          `json:"replicas"`
	Allowed  bool           `json:"allowed"`
	Token    bool           `json:"token"`
	User     string         `json:"user"`
	Gone     bool           `json:"gone"`
}

func (s *server) use() string {
	seen := &recorder{types: map[string]int{}}
	report := &found{Types: seen.types}
	config := &rest.Config{
		Host:            s.Host,
		BearerToken:     s.Token,
		QPS:             -1,
		TLSClientConfig: rest.TLSClientConfig{Insecure: true},
		ContentConfig: rest.ContentConfig{
			ContentType:        runtime.ContentTypeProtobuf,
			AcceptContentTypes: runtime.ContentTypeProtobuf,
		},
		WrapTransport: func(next http.RoundTripper) http.RoundTripper {
			seen.next = next
			return seen
		},
	}
	within, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	steps := []func(context.Context, *rest.Config, *found) error{
		s.objects, s.workloads, s.questions, s.partials, s.documents,
	}
	for _, step := range steps {
		if err := step(within, config, report); err != nil {
			report.Failed = err.Error()
			break
		}
	}
	text, err := json.Marshal(report)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// ConfigMaps by an informer, lists in pages, and every kind of write.
func (s *server) objects(ctx context.Context, config *rest.Config, report *found) error {
	client := coreclient.NewForConfigOrDie(config)
	maps := client.ConfigMaps(s.Namespace)
	heard := make(chan string, 64)
	narrow := func(options *metav1.ListOptions) { options.LabelSelector = own }
	lw := cache.NewFilteredListWatchFromClient(client.RESTClient(), "configmaps", s.Namespace, narrow)
	_, informer := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: lw,
		ObjectType:    &core.ConfigMap{},
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    func(object any) { heard <- "added " + object.(*core.ConfigMap).Data["n"] },
			UpdateFunc: func(_, object any) { heard <- "updated " + object.(*core.ConfigMap).Data["n"] },
			DeleteFunc: func(object any) { heard <- "deleted " + object.(*core.ConfigMap).Data["n"] },
		},
	})
	stop := make(chan struct{})
	defer close(stop)
	go informer.Run(stop)
	expect := func() error {
		select {
		case event := <-heard:
			report.Informed = append(report.Informed, event)
			return nil
		case <-ctx.Done():
			return errors.New("the informer heard nothing")
		}
	}
	made, err := maps.Create(ctx, &core.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "one", Labels: map[string]string{"b": "2", "a": "1"}},
		Data:       map[string]string{"n": "0"},
		BinaryData: map[string][]byte{"bytes": {0, 255}},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	if err := expect(); err != nil {
		return err
	}
	made.Data["n"] = "1"
	if _, err = maps.Update(ctx, made, metav1.UpdateOptions{}); err != nil {
		return err
	}
	if err := expect(); err != nil {
		return err
	}
	patched, err := maps.Patch(ctx, "one", types.StrategicMergePatchType, []byte(`{"data":{"n":"2"}}`), metav1.PatchOptions{})
	if err != nil {
		return err
	}
	report.Data = fmt.Sprint(patched.Data, patched.BinaryData, patched.Labels, len(patched.ManagedFields))
	if err := expect(); err != nil {
		return err
	}
	if err = maps.Delete(ctx, "one", metav1.DeleteOptions{}); err != nil {
		return err
	}
	if err := expect(); err != nil {
		return err
	}
	_, err = maps.Get(ctx, "one", metav1.GetOptions{})
	report.Gone = apierrors.IsNotFound(err)
	_, err = maps.Update(ctx, made, metav1.UpdateOptions{})
	report.refused(err)
	_, err = maps.Create(ctx, &core.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "No"}}, metav1.CreateOptions{})
	report.refused(err)
	return s.many(ctx, maps, report)
}

func (s *server) many(ctx context.Context, maps coreclient.ConfigMapInterface, report *found) error {
	for index := range s.Count {
		object := &core.ConfigMap{ObjectMeta: metav1.ObjectMeta{
			Name: fmt.Sprintf("many-%d", index), Labels: map[string]string{"a": "1"},
		}}
		if _, err := maps.Create(ctx, object, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	whole, err := maps.List(ctx, metav1.ListOptions{LabelSelector: own})
	if err != nil {
		return err
	}
	report.Listed = len(whole.Items)
	for next := ""; ; {
		report.Pages++
		page, err := maps.List(ctx, metav1.ListOptions{LabelSelector: own, Limit: 7, Continue: next})
		if err != nil {
			return err
		}
		if next = page.Continue; next == "" {
			break
		}
	}
	events, err := maps.Watch(ctx, metav1.ListOptions{LabelSelector: own, ResourceVersion: whole.ResourceVersion})
	if err != nil {
		return err
	}
	defer events.Stop()
	if err := maps.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: own}); err != nil {
		return err
	}
	for range whole.Items {
		select {
		case event := <-events.ResultChan():
			if event.Type != watch.Deleted {
				return fmt.Errorf("a watch told %v", event)
			}
		case <-ctx.Done():
			return errors.New("a watch told too little")
		}
	}
	return nil
}

// A Deployment's status and scale, and a Pod's eviction.
func (s *server) workloads(ctx context.Context, config *rest.Config, report *found) error {
	deployments := appsclient.NewForConfigOrDie(config).Deployments(s.Namespace)
	labels, none := map[string]string{"app": "a"}, int32(0)
	made, err := deployments.Create(ctx, &apps.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: apps.DeploymentSpec{
			Replicas: &none, Paused: true,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: core.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       core.PodSpec{Containers: []core.Container{{Name: "a", Image: "a"}}},
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	scale, err := deployments.GetScale(ctx, "web", metav1.GetOptions{})
	if err != nil {
		return err
	}
	// The controller of Deployments may have written in between.
	scale.Spec.Replicas, scale.ResourceVersion = 3, ""
	scaled, err := deployments.UpdateScale(ctx, "web", scale, metav1.UpdateOptions{})
	if err != nil {
		return err
	}
	report.Replicas = scaled.Spec.Replicas
	status := []byte(`{"status":{"replicas":3,"readyReplicas":2}}`)
	changed, err := deployments.Patch(ctx, made.Name, types.MergePatchType, status, metav1.PatchOptions{}, "status")
	if err != nil {
		return err
	}
	report.Ready = changed.Status.ReadyReplicas
	eviction := &policy.Eviction{ObjectMeta: metav1.ObjectMeta{Name: "none", Namespace: s.Namespace}}
	report.refused(policyclient.NewForConfigOrDie(config).Evictions(s.Namespace).Evict(ctx, eviction))
	return nil
}

// Reviews, and a token.
func (s *server) questions(ctx context.Context, config *rest.Config, report *found) error {
	review, err := authorizationclient.NewForConfigOrDie(config).SelfSubjectAccessReviews().Create(ctx,
		&authorization.SelfSubjectAccessReview{Spec: authorization.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorization.ResourceAttributes{Verb: "get", Resource: "pods"},
		}}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	report.Allowed = review.Status.Allowed
	who, err := authenticationclient.NewForConfigOrDie(config).SelfSubjectReviews().Create(ctx,
		&authentication.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	report.User = who.Status.UserInfo.Username
	accounts := coreclient.NewForConfigOrDie(config).ServiceAccounts(s.Namespace)
	if _, err := accounts.Create(ctx, &core.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "robot"}}, metav1.CreateOptions{}); err != nil {
		return err
	}
	token, err := accounts.CreateToken(ctx, "robot", &authentication.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	report.Token = token.Status.Token != "" && !token.Status.ExpirationTimestamp.IsZero()
	return nil
}

// Metadata alone, which there is of custom objects too; the objects themselves are refused.
func (s *server) partials(ctx context.Context, config *rest.Config, report *found) error {
	client := metadata.NewForConfigOrDie(config)
	groups := map[string]schema.GroupVersionResource{
		"accounts": {Version: "v1", Resource: "serviceaccounts"},
		"customs":  {Group: "example.com", Version: "v1", Resource: s.Custom},
	}
	for which, resource := range groups {
		list, err := client.Resource(resource).Namespace(s.Namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, item := range list.Items {
			if which == "accounts" {
				report.Partials = append(report.Partials, item.Name)
			} else {
				report.Customs = append(report.Customs, item.Name)
			}
		}
	}
	raw, err := plain(config)
	if err != nil {
		return err
	}
	report.refused(raw.Get().Namespace(s.Namespace).Resource(s.Custom).Do(ctx).Error())
	return nil
}

// Discovery, legacy and in one document: client-go itself asks for it in JSON.
func (s *server) documents(ctx context.Context, config *rest.Config, _ *found) error {
	raw, err := plain(config)
	if err != nil {
		return err
	}
	var versions metav1.APIVersions
	var groups metav1.APIGroupList
	var group metav1.APIGroup
	var resources metav1.APIResourceList
	var all apidiscovery.APIGroupDiscoveryList
	documents := map[string]runtime.Object{
		"/api": &versions, "/apis": &groups, "/apis/apps": &group, "/apis/apps/v1": &resources,
	}
	for path, into := range documents {
		if err := raw.Get().AbsPath(path).Do(ctx).Into(into); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	form := runtime.ContentTypeProtobuf + ";g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
	if err := raw.Get().AbsPath("/apis").SetHeader("Accept", form).Do(ctx).Into(&all); err != nil {
		return err
	}
	deployments := all.Items[0].Versions[0].Resources
	if len(versions.Versions) != 1 || group.PreferredVersion.Version != "v1" || len(groups.Groups) != len(all.Items) ||
		len(resources.APIResources[0].Verbs) == 0 || len(deployments) == 0 {
		return fmt.Errorf("discovery tells %v %v %v %v", versions, group, resources, all)
	}
	return nil
}

func plain(config *rest.Config) (*rest.RESTClient, error) {
	own := rest.CopyConfig(config)
	own.GroupVersion = &schema.GroupVersion{Group: "example.com", Version: "v1"}
	own.APIPath = "/apis"
	own.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	return rest.RESTClientFor(own)
}

func (f *found) refused(err error) {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		f.Refused = append(f.Refused, fmt.Sprintf("no status: %v", err))
		return
	}
	told := status.Status()
	f.Refused = append(f.Refused, fmt.Sprintf("%d %s", told.Code, told.Reason))
}
