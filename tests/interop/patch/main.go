// Says what the reference implementation of strategic merge patch makes of an object: a JSON line in, with both;
// a JSON line out, with the object after the patch, or why there is none.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

type port struct {
	Port  int    `json:"port"`
	Label string `json:"label"`
}

type part struct {
	Name  string            `json:"name"`
	Image string            `json:"image"`
	Tags  map[string]string `json:"tags"`
	Ports []port            `json:"ports" patchStrategy:"merge" patchMergeKey:"port"`
	Args  []string          `json:"args"`
}

type rollout struct {
	Type  string `json:"type"`
	Max   int    `json:"max"`
	Pause string `json:"pause"`
}

type thing struct {
	Parts    []part            `json:"parts" patchStrategy:"merge" patchMergeKey:"name"`
	Names    []string          `json:"names" patchStrategy:"merge"`
	Whole    []part            `json:"whole"`
	Strategy rollout           `json:"strategy" patchStrategy:"retainKeys"`
	Fixed    rollout           `json:"fixed" patchStrategy:"replace"`
	Labels   map[string]string `json:"labels"`
	Size     int               `json:"size"`
}

type line struct {
	Original json.RawMessage `json:"original"`
	Patch    json.RawMessage `json:"patch"`
	Result   json.RawMessage `json:"result,omitempty"`
	Error    string          `json:"error,omitempty"`
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
		result, err := strategicpatch.StrategicMergePatch(in.Original, in.Patch, thing{})
		if err != nil {
			in.Error = err.Error()
		} else {
			in.Result = result
		}
		if err := out.Encode(in); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
