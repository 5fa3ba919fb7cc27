#!/bin/sh
# aws-sdk-go-v2 1.48.0, service/s3 1.114.10: an answer 503 with "Retry-After: 2" is repeated after the SDK's own, random pause of at most
# a second or so; the standard header is not read. X-Amz-Retry-After, in milliseconds, is. Three tries are gone within a
# fraction of the time that a server asked for, unless it sends the header that no RFC has.
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
command -v go >/dev/null 2>&1 || cannot "needs Go"

cat >"$work/main.go" <<'END'
package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func waited(header, value string) time.Duration {
	var times []time.Time
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		times = append(times, time.Now())
		if len(times) == 1 {
			w.Header().Set(header, value)
			w.WriteHeader(503)
		}
	}))
	defer server.Close()
	client := s3.New(s3.Options{Region: "us-east-1", BaseEndpoint: aws.String(server.URL), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")})
	if _, err := client.HeadBucket(context.Background(), &s3.HeadBucketInput{Bucket: aws.String("b")}); err != nil {
		fmt.Println(err)
	}
	return times[1].Sub(times[0])
}

func main() {
	fmt.Println("Retry-After: 4 is waited for:", waited("Retry-After", "4") >= 4*time.Second)
	fmt.Println("X-Amz-Retry-After: 4000 is waited for:", waited("X-Amz-Retry-After", "4000") >= 4*time.Second)
}
END
cd "$work"
go mod init finding >/dev/null 2>&1
go get github.com/aws/aws-sdk-go-v2/service/s3@v1.114.10 github.com/aws/aws-sdk-go-v2/credentials@v1.21.0 \
    github.com/aws/aws-sdk-go-v2@v1.48.0 >/dev/null 2>&1 || cannot "go get aws-sdk-go-v2"
still "$(go run .)" "Retry-After: 4 is waited for: false
X-Amz-Retry-After: 4000 is waited for: true"
