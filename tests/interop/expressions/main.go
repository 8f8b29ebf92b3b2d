// What Kubernetes' own environment makes of expressions. One in JSON per line of standard input; for each a line: what
// it comes to, or that it fails and when, and what it cost.
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"k8s.io/apiserver/pkg/cel/environment"
)

type answer struct {
	Source string `json:"source"`
	Stage  string `json:"stage"`
	Text   string `json:"text"`
	Cost   uint64 `json:"cost"`
}

func main() {
	env, err := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion(), true).Env(environment.StoredExpressions)
	fail(err)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64*1024*1024)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for lines.Scan() {
		var source string
		fail(json.Unmarshal(lines.Bytes(), &source))
		result := ask(env, source)
		result.Source = source
		line, err := json.Marshal(result)
		fail(err)
		fmt.Fprintln(out, string(line))
	}
	fail(lines.Err())
}

func ask(env *cel.Env, source string) (result answer) {
	defer func() {
		if recover() != nil {
			result = answer{Stage: "panic"}
		}
	}()
	ast, issues := env.Compile(source)
	if issues != nil && issues.Err() != nil {
		return answer{Stage: "compile", Text: issues.Err().Error()}
	}
	program, err := env.Program(ast)
	if err != nil {
		return answer{Stage: "program", Text: err.Error()}
	}
	value, details, err := program.Eval(map[string]any{})
	var cost uint64
	if details != nil && details.ActualCost() != nil {
		cost = *details.ActualCost()
	}
	if err != nil {
		return answer{Stage: "error", Text: err.Error(), Cost: cost}
	}
	return answer{Stage: "value", Text: show(value), Cost: cost}
}

func show(value ref.Val) string {
	switch v := value.(type) {
	case types.Null:
		return "null"
	case types.Bool:
		return strconv.FormatBool(bool(v))
	case types.Int:
		return fmt.Sprintf("int %d", int64(v))
	case types.Uint:
		return fmt.Sprintf("uint %d", uint64(v))
	case types.Double:
		if math.IsNaN(float64(v)) {
			return "double NaN"
		}
		return fmt.Sprintf("double %016x", math.Float64bits(float64(v)))
	case types.String:
		return "string " + hex.EncodeToString([]byte(string(v)))
	case types.Bytes:
		return "bytes " + hex.EncodeToString([]byte(v))
	case types.Timestamp:
		return fmt.Sprintf("timestamp %d %d", v.Time.Unix(), v.Time.Nanosecond())
	case types.Duration:
		return fmt.Sprintf("duration %d", time.Duration(v.Duration).Nanoseconds())
	case *types.Optional:
		if !v.HasValue() {
			return "none"
		}
		return "optional(" + show(v.GetValue()) + ")"
	case *types.Type:
		return "type " + v.TypeName()
	case traits.Mapper:
		entries := []string{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			key := it.Next()
			entries = append(entries, show(key)+": "+show(v.Get(key)))
		}
		sort.Strings(entries)
		return "{" + strings.Join(entries, ", ") + "}"
	case traits.Lister:
		items := []string{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			items = append(items, show(it.Next()))
		}
		return "[" + strings.Join(items, ", ") + "]"
	default:
		return "opaque " + value.Type().TypeName()
	}
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
