// Records what the reference implementation of server-side apply makes of writes: a JSON line in, with a schema
// and operations; the same line out, with the object and the managers they end in.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/merge"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

type operation struct {
	Op         string `json:"op"`
	APIVersion string `json:"APIVersion"`
	Manager    string `json:"Manager"`
	Object     string `json:"Object"`
	Conflicts  string `json:"Conflicts,omitempty"`
}

type manager struct {
	APIVersion string          `json:"apiVersion"`
	Applied    bool            `json:"applied"`
	Set        json.RawMessage `json:"set"`
}

type line struct {
	Schema     string             `json:"schema"`
	TypeRef    string             `json:"typeRef"`
	APIVersion string             `json:"apiVersion"`
	Ops        []operation        `json:"ops"`
	Object     string             `json:"object,omitempty"`
	Err        string             `json:"err,omitempty"`
	Ordered    bool               `json:"ordered"`
	Managed    map[string]manager `json:"managed"`
}

// All versions are alike.
type converter struct{}

func (converter) Convert(object *typed.TypedValue, _ fieldpath.APIVersion) (*typed.TypedValue, error) {
	return object, nil
}

func (converter) IsMissingVersionError(error) bool { return false }

func record(in *line) error {
	parser, err := typed.NewParser(typed.YAMLObject(in.Schema))
	if err != nil {
		return fmt.Errorf("the schema: %w", err)
	}
	kind := parser.Type("root")
	updater := (&merge.UpdaterBuilder{Converter: converter{}, ReturnInputOnNoop: true}).BuildUpdater()
	live, err := kind.FromUnstructured(nil)
	if err != nil {
		return err
	}
	managers := fieldpath.ManagedFields{}
	for at := range in.Ops {
		op := &in.Ops[at]
		version := fieldpath.APIVersion(op.APIVersion)
		var options []typed.ValidationOptions
		if op.Op == "Update" {
			options = append(options, typed.AllowDuplicates)
		}
		object, err := kind.FromYAML(typed.YAMLObject(op.Object), options...)
		if err == nil {
			next, left := object, managers.Copy()
			if op.Op == "Update" {
				next, left, err = updater.Update(live, object, version, left, op.Manager)
			} else {
				next, left, err = updater.Apply(live, object, version, left, op.Manager, op.Op == "ForceApply")
			}
			var conflicts merge.Conflicts
			if errors.As(err, &conflicts) {
				op.Conflicts = conflicts.Error()
				continue
			}
			if err == nil {
				live, managers = next, left
				continue
			}
		}
		in.Err, in.Ops = err.Error(), in.Ops[:at+1]
		return nil
	}
	text, err := value.ToJSON(live.AsValue())
	if err != nil {
		return err
	}
	in.Object, in.Ordered = string(text), true
	in.Managed = map[string]manager{}
	for name, managed := range managers {
		set, err := managed.Set().ToJSON()
		if err != nil {
			return err
		}
		in.Managed[name] = manager{string(managed.APIVersion()), managed.Applied(), set}
	}
	return nil
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<26)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var in line
		if err := json.Unmarshal(lines.Bytes(), &in); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := record(&in); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := out.Encode(in); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
