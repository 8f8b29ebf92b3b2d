// Answers a line with a line: OTLP's own definitions read {"metrics": …} or {"logs": …} as strictly as protobuf's JSON
// is defined, and say how much was in it, or what is wrong with it.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

type question struct {
	Metrics json.RawMessage `json:"metrics"`
	Logs    json.RawMessage `json:"logs"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			panic(err)
		}
		count, err := count(asked)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(count)
	}
}

// The requests of the collector's services have the same single field as these.
func count(asked question) (int, error) {
	found := 0
	if asked.Metrics == nil {
		var data logs.LogsData
		if err := protojson.Unmarshal(asked.Logs, &data); err != nil {
			return 0, err
		}
		for _, resource := range data.ResourceLogs {
			for _, scope := range resource.ScopeLogs {
				found += len(scope.LogRecords)
			}
		}
		return found, nil
	}
	var data metrics.MetricsData
	if err := protojson.Unmarshal(asked.Metrics, &data); err != nil {
		return 0, err
	}
	for _, resource := range data.ResourceMetrics {
		for _, scope := range resource.ScopeMetrics {
			for _, metric := range scope.Metrics {
				if metric.Data == nil {
					return 0, fmt.Errorf("%s has no points", metric.Name)
				}
				found += len(metric.GetGauge().GetDataPoints())
				found += len(metric.GetSum().GetDataPoints())
				found += len(metric.GetHistogram().GetDataPoints())
			}
		}
	}
	return found, nil
}
