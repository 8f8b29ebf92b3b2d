// Deploys a folder of manifests as two strangers do: Argo CD by its gitops-engine, Flux by its ssa package. One run is
// one synchronization: what is there is made as the folder has it, and what the folder no longer has goes.
// Prints a line per object: what was done, and to which.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"time"

	"github.com/argoproj/gitops-engine/pkg/cache"
	"github.com/argoproj/gitops-engine/pkg/engine"
	"github.com/argoproj/gitops-engine/pkg/sync"
	"github.com/fluxcd/cli-utils/pkg/kstatus/polling"
	"github.com/fluxcd/pkg/ssa"
	"github.com/fluxcd/pkg/ssa/utils"
	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// Whose an object is.
const mark = "interop.selvedge.dev/mark"

// Who is to deploy, with which kubeconfig, and what: a line of standard input each.
func main() {
	var who, kubeconfig, folder string
	_, err := fmt.Scanln(&who)
	fail(err)
	_, err = fmt.Scanln(&kubeconfig)
	fail(err)
	_, err = fmt.Scan(&folder)
	fail(err)
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	fail(err)
	config.QPS, config.Burst = 100, 200
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if who == "argo" {
		fail(argo(ctx, config, read(folder)))
	} else {
		fail(flux(ctx, config, read(folder)))
	}
}

func read(folder string) []*unstructured.Unstructured {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	fail(err)
	sort.Strings(files)
	var all []*unstructured.Unstructured
	for _, name := range files {
		file, err := os.Open(name)
		fail(err)
		objects, err := utils.ReadObjects(file)
		fail(err)
		all = append(all, objects...)
	}
	return all
}

// A copy of everything in the cluster, a comparison, pruning. One call goes through no waves: what it saw at its
// beginning is not looked at again.
func argo(ctx context.Context, config *rest.Config, objects []*unstructured.Unstructured) error {
	for _, object := range objects {
		annotations := object.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[mark] = "argo"
		object.SetAnnotations(annotations)
	}
	clusterCache := cache.NewClusterCache(config, cache.SetLogr(logr.Discard()),
		cache.SetPopulateResourceInfoHandler(func(un *unstructured.Unstructured, _ bool) (any, bool) {
			found := un.GetAnnotations()[mark]
			return found, found != ""
		}))
	gitOps := engine.NewEngine(config, clusterCache, engine.WithLogr(logr.Discard()))
	stop, err := gitOps.Run()
	if err != nil {
		return err
	}
	defer stop()
	isOurs := func(r *cache.Resource) bool { return r.Info == "argo" }
	results, err := gitOps.Sync(ctx, objects, isOurs, "revision", "default", sync.WithPrune(true),
		sync.WithServerSideApply(true), sync.WithServerSideApplyManager("argo"), sync.WithLogr(logr.Discard()))
	for _, result := range results {
		key := result.ResourceKey
		fmt.Printf("%s %s/%s %s\n", result.Status, key.Kind, key.Name, result.Message)
	}
	return err
}

// Server-side apply in stages, readiness by kstatus, pruning by labels.
func flux(ctx context.Context, config *rest.Config, objects []*unstructured.Unstructured) error {
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return err
	}
	mapper, err := apiutil.NewDynamicRESTMapper(config, httpClient)
	if err != nil {
		return err
	}
	kubeClient, err := client.New(config, client.Options{Mapper: mapper})
	if err != nil {
		return err
	}
	poller := polling.NewStatusPoller(kubeClient, mapper, polling.Options{})
	manager := ssa.NewResourceManager(kubeClient, poller, ssa.Owner{Field: "flux", Group: "interop.selvedge.dev"})
	manager.SetOwnerLabels(objects, "shop", "default")
	applied, err := manager.ApplyAllStaged(ctx, objects, ssa.DefaultApplyOptions())
	if err != nil {
		return err
	}
	for _, entry := range applied.Entries {
		fmt.Println(entry.Action, entry.Subject)
	}
	wait := ssa.WaitOptions{Interval: time.Second, Timeout: time.Minute}
	if err := manager.WaitForSet(applied.ToObjMetadataSet(), wait); err != nil {
		return err
	}
	return prune(ctx, kubeClient, manager, objects)
}

func prune(
	ctx context.Context, kubeClient client.Client, manager *ssa.ResourceManager, kept []*unstructured.Unstructured,
) error {
	isKept := map[string]bool{}
	for _, object := range kept {
		isKept[utils.FmtUnstructured(object)] = true
	}
	var stale []*unstructured.Unstructured
	for _, kind := range []string{"ConfigMap", "Service"} {
		list := &unstructured.UnstructuredList{}
		list.SetAPIVersion("v1")
		list.SetKind(kind)
		owned := labels.SelectorFromSet(manager.GetOwnerLabels("shop", "default"))
		if err := kubeClient.List(ctx, list, &client.ListOptions{LabelSelector: owned}); err != nil {
			return err
		}
		for i := range list.Items {
			if !isKept[utils.FmtUnstructured(&list.Items[i])] {
				stale = append(stale, &list.Items[i])
			}
		}
	}
	gone, err := manager.DeleteAll(ctx, stale, ssa.DefaultDeleteOptions())
	if err != nil {
		return err
	}
	for _, entry := range gone.Entries {
		fmt.Println(entry.Action, entry.Subject)
	}
	return manager.WaitForTermination(stale, ssa.WaitOptions{Interval: time.Second, Timeout: time.Minute})
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
