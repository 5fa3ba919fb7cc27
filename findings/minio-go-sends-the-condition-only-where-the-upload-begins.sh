#!/bin/sh
# minio-go 7.4.1: PutObject with SetMatchETagExcept("*"), "create only", sends If-None-Match with a single PUT. When the object is large
# enough for a multipart upload, it sends the condition with CreateMultipartUpload and with no other request, although S3 decides
# conditions of a multipart upload at CompleteMultipartUpload and documents none for its creation. A server that follows the
# documentation replaces the object that was to be kept.
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
command -v go >/dev/null 2>&1 || cannot "needs Go"

cat >"$work/main.go" <<'END'
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

func main() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		name := "PUT"
		query := r.URL.Query()
		switch {
		case query.Has("location"):
			fmt.Fprint(w, `<LocationConstraint/>`)
			return
		case query.Has("uploads"):
			name = "CreateMultipartUpload"
			fmt.Fprint(w, `<InitiateMultipartUploadResult><Bucket>bucket</Bucket><Key>k</Key><UploadId>u</UploadId></InitiateMultipartUploadResult>`)
		case query.Has("partNumber"):
			name = "UploadPart " + query.Get("partNumber")
			w.Header().Set("ETag", `"0"`)
		case query.Has("uploadId"):
			name = "CompleteMultipartUpload"
			fmt.Fprint(w, `<CompleteMultipartUploadResult><Bucket>bucket</Bucket><Key>k</Key><ETag>"0-2"</ETag></CompleteMultipartUploadResult>`)
		default:
			w.Header().Set("ETag", `"0"`)
		}
		fmt.Printf("%s: If-None-Match %q\n", name, r.Header.Get("If-None-Match"))
	}))
	defer server.Close()
	client, err := minio.New(strings.TrimPrefix(server.URL, "http://"), &minio.Options{Creds: credentials.NewStaticV4("a", "b", "")})
	if err != nil {
		panic(err)
	}
	options := minio.PutObjectOptions{PartSize: 5 << 20, NumThreads: 1}
	options.SetMatchETagExcept("*")
	for _, size := range []int{1000, 6 << 20} {
		if _, err := client.PutObject(context.Background(), "bucket", "k", bytes.NewReader(make([]byte, size)), int64(size), options); err != nil {
			fmt.Println(err)
		}
	}
}
END
cd "$work"
go mod init finding >/dev/null 2>&1
go get github.com/minio/minio-go/v7@v7.4.1 >/dev/null 2>&1 || cannot "go get minio-go"
still "$(go run .)" 'PUT: If-None-Match "*"
CreateMultipartUpload: If-None-Match "*"
UploadPart 1: If-None-Match ""
UploadPart 2: If-None-Match ""
CompleteMultipartUpload: If-None-Match ""'
