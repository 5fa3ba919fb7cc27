# The whole suite as one ctest run, for tests/run: beside the unit tests of this build, clients and end-to-end tests
# against a cluster of this build's programs, and what needs a build of its own. Such a build is a test too, a fixture
# that ctest runs first when one of its tests is chosen.
set(SUITE_ROOT ${CMAKE_SOURCE_DIR}/build)

# suite_build(NAME FOLDER TARGETS CMAKE-ARGUMENT...): a build in that folder, by the fixture build.NAME.
function(suite_build name folder targets)
  add_test(NAME build.${name} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/lib/build ${folder} "${targets}" ${ARGN})
  set_tests_properties(build.${name} PROPERTIES LABELS build FIXTURES_SETUP build.${name} TIMEOUT 1800 PROCESSORS 2)
endfunction()

# suite_python(NAME FILE LABEL TIMEOUT [PROPERTY VALUE]...): a Python test against a cluster of this build's programs.
# With RELEASE before the properties: against those of the Release build; with NEWEST: with the Python SDK and the aws-cli of
# clients/requirements.txt instead of Debian's; with CASES and names at the end: these of the file's classes alone. A file that
# can run none of its tests on this machine exits with 77 and is reported as skipped, never as passed.
function(suite_python name file label timeout)
  cmake_parse_arguments(PARSE_ARGV 4 option "RELEASE;NEWEST" "" "CASES")
  add_test(NAME ${name} COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/${file} ${option_CASES})
  set(path ${CMAKE_CURRENT_SOURCE_DIR}/lib)
  if(option_NEWEST)
    string(APPEND path :${CMAKE_CURRENT_SOURCE_DIR}/clients/python_modules)
    list(APPEND environment TERCET_AWS=${CMAKE_CURRENT_SOURCE_DIR}/clients/python_modules/bin/aws)
  endif()
  list(APPEND environment PYTHONPATH=${path} PYTHONDONTWRITEBYTECODE=1)
  if(option_RELEASE)
    list(APPEND environment TERCET_BUILD=${SUITE_ROOT})
    set_tests_properties(${name} PROPERTIES FIXTURES_REQUIRED build.release)
  else()
    list(APPEND environment TERCET_BUILD=${CMAKE_BINARY_DIR})
  endif()
  set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT ${timeout} ENVIRONMENT "${environment}"
                       SKIP_RETURN_CODE 77 ${option_UNPARSED_ARGUMENTS})
endfunction()

# Fuzz targets, each run briefly.
set(targets "")
file(GLOB sources CONFIGURE_DEPENDS fuzz/*_fuzz.c)
foreach(source ${sources})
  get_filename_component(name ${source} NAME_WE)
  string(REGEX REPLACE "_fuzz$" "" name ${name})
  string(APPEND targets " fuzz_${name}")
  add_test(NAME fuzz.${name}
           COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/run ${SUITE_ROOT}/fuzz/tests/fuzz_${name} ${name})
  set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT 1200 FIXTURES_REQUIRED build.fuzz)
endforeach()
suite_build(fuzz ${SUITE_ROOT}/fuzz "${targets}" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_C_COMPILER=clang -DTERCET_FUZZ=ON
            -DTERCET_SANITIZE=address,undefined,fuzzer-no-link)

# The threaded parts under ThreadSanitizer, which wants the address layout that setarch -R gives it. It does not follow
# a process that forks after it had threads, as meta/durability does.
set(targets "")
foreach(folder base storage meta gateway)
  file(GLOB sources CONFIGURE_DEPENDS unit/${folder}/*_test.c)
  list(FILTER sources EXCLUDE REGEX "/meta/durability_test\\.c$")
  foreach(source ${sources})
    get_filename_component(name ${source} NAME_WE)
    string(REGEX REPLACE "_test$" "" name ${name})
    string(APPEND targets " unit_${folder}_${name}")
    add_test(NAME tsan.${folder}.${name}
             COMMAND setarch ${CMAKE_SYSTEM_PROCESSOR} -R ${SUITE_ROOT}/tsan/tests/unit_${folder}_${name})
    set_tests_properties(tsan.${folder}.${name} PROPERTIES LABELS tsan TIMEOUT 600 FIXTURES_REQUIRED build.tsan
                         ENVIRONMENT "TSAN_OPTIONS=suppressions=${CMAKE_CURRENT_SOURCE_DIR}/tsan.supp:halt_on_error=1")
  endforeach()
endforeach()
suite_build(tsan ${SUITE_ROOT}/tsan "${targets}" -DCMAKE_BUILD_TYPE=RelWithDebInfo "-DCMAKE_C_FLAGS_RELWITHDEBINFO=-O1 -g"
            -DTERCET_TESTS=ON -DTERCET_SANITIZE=thread)

# The Release build is the one that deploy/up makes.
suite_build(release ${SUITE_ROOT} "tercet-gateway tercet-node" -DCMAKE_BUILD_TYPE=Release)

# Every shell script of the tree, as read by shellcheck.
file(GLOB_RECURSE candidates LIST_DIRECTORIES false CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/deploy/* ${CMAKE_SOURCE_DIR}/tests/run
     ${CMAKE_SOURCE_DIR}/tests/bench/* ${CMAKE_SOURCE_DIR}/tests/fuzz/run ${CMAKE_SOURCE_DIR}/tests/lib/*
     ${CMAKE_SOURCE_DIR}/docs/* ${CMAKE_SOURCE_DIR}/findings/*.sh ${CMAKE_SOURCE_DIR}/.ci/*)
set(scripts "")
foreach(candidate ${candidates})
  file(STRINGS ${candidate} shebang LIMIT_COUNT 1)
  if(shebang STREQUAL "#!/bin/sh")
    list(APPEND scripts ${candidate})
  endif()
endforeach()
add_test(NAME lint.shell COMMAND shellcheck -x ${scripts} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
set_tests_properties(lint.shell PROPERTIES LABELS lint TIMEOUT 120)

# What the tree promises of itself: formatted by .clang-format, no folder includes what is not below it,
# functions and files have a length, a name has one meaning, a header compiles alone, and what is public has a user.
file(GLOB_RECURSE c_files LIST_DIRECTORIES false CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/base/*.[ch] ${CMAKE_SOURCE_DIR}/compat/*.[ch]
     ${CMAKE_SOURCE_DIR}/gateway/*.[ch] ${CMAKE_SOURCE_DIR}/meta/*.[ch] ${CMAKE_SOURCE_DIR}/storage/*.[ch]
     ${CMAKE_SOURCE_DIR}/tests/*.[ch])
list(FILTER c_files EXCLUDE REGEX "/(node_modules|python_modules)/")
add_test(NAME lint.format COMMAND clang-format --dry-run -Werror ${c_files})
set_tests_properties(lint.format PROPERTIES LABELS lint TIMEOUT 120)
suite_python(lint.layers lint/layers.py lint 60)
suite_python(lint.lengths lint/lengths.py lint 60)
suite_python(lint.names lint/names.py lint 60)
suite_python(lint.headers lint/headers.py lint 120)
suite_python(lint.public lint/public.py lint 60)
suite_python(lint.tidy lint/tidy.py lint 300)
suite_python(lint.self lint/lint_test.py lint 60)
suite_python(lint.documents lint/documents_test.py lint 60)

# The policy language beside an evaluator of the tests.
suite_python(policy.compare policy/compare_test.py policy 300)

# Everybody beside every operation.
suite_python(e2e.matrix matrix/matrix_test.py e2e 600)

suite_python(clients.curl clients/curl_test.py clients 600)
suite_python(clients.aws-cli clients/aws_cli_test.py clients 1200)
suite_python(clients.aws-cli-newest clients/aws_cli_test.py clients 1200 NEWEST CASES HttpsVirtualHost)
suite_python(clients.s3cmd clients/s3cmd_test.py clients 900)
suite_python(clients.rclone clients/rclone_test.py clients 900)
suite_python(clients.boto3 clients/boto3_test.py clients 900)
suite_python(clients.model clients/model_test.py clients 600)
suite_python(clients.website clients/website_test.py clients 300)
suite_python(clients.account-access clients/account_access_test.py clients 300)
suite_python(clients.moving clients/moving_test.py clients 300)
suite_python(clients.bucket-policy clients/bucket_policy_test.py clients 300)
suite_python(clients.annotations clients/annotations_test.py clients 300 NEWEST)
suite_python(clients.object-attributes clients/object_attributes_test.py clients 300 NEWEST)
suite_python(clients.object-lock clients/object_lock_test.py clients 300 NEWEST)
suite_python(clients.rename-append clients/rename_append_test.py clients 300 NEWEST)
suite_python(clients.bucket-log clients/bucket_log_test.py clients 300 NEWEST)
suite_python(clients.notification clients/notification_test.py clients 600)
suite_python(clients.boto3-newest clients/boto3_test.py clients 900 NEWEST)
suite_python(clients.iam clients/iam_test.py clients 600)
suite_python(clients.sts clients/sts_test.py clients 600 NEWEST)
suite_python(clients.web-identity clients/web_identity_test.py clients 600 NEWEST)
suite_python(clients.policies clients/policies_test.py clients 300)
suite_python(clients.documents clients/documents_test.py clients 900 NEWEST)
suite_python(clients.notify-targets clients/notify_targets_test.py clients 600 NEWEST)
suite_python(clients.notify-brokers clients/notify_brokers_test.py clients 600 NEWEST)
suite_python(clients.notify-kafka clients/notify_kafka_test.py clients 600 NEWEST)
suite_python(clients.javascript clients/js_test.py clients 900)
suite_python(clients.browser clients/browser_test.py clients 300)

suite_python(e2e.bad-input e2e/bad_input_test.py e2e 600)
suite_python(e2e.gateway-input e2e/gateway_input_test.py e2e 600)
suite_python(e2e.multipart e2e/multipart_test.py e2e 600)
suite_python(e2e.dialect e2e/dialect_test.py e2e 600)
suite_python(e2e.overload e2e/overload_test.py e2e 600)
suite_python(e2e.overload-memory e2e/overload_memory_test.py e2e 600 RELEASE)
suite_python(e2e.node-loss e2e/node_loss_test.py e2e 600)
suite_python(e2e.vault e2e/vault_test.py e2e 300 NEWEST)
suite_python(e2e.node-tls e2e/node_tls_test.py e2e 300)
suite_python(e2e.audit e2e/audit_test.py e2e 600)
suite_python(e2e.bootstrap e2e/bootstrap_test.py e2e 600)
suite_python(e2e.restart e2e/restart_test.py e2e 600)
suite_python(e2e.append e2e/append_test.py e2e 300)
suite_python(e2e.rotation e2e/rotation_test.py e2e 300 NEWEST)
suite_python(e2e.tampering e2e/tampering_test.py e2e 300)
suite_python(clients.encryption clients/encryption_test.py clients 600)
suite_python(e2e.repair e2e/repair_test.py e2e 600)
suite_python(e2e.nodes e2e/nodes_test.py e2e 600)
suite_python(e2e.orphan e2e/orphan_test.py e2e 900)
suite_python(e2e.metadata-sync e2e/metadata_sync_test.py e2e 900)
suite_python(e2e.users e2e/users_test.py e2e 600)
suite_python(e2e.quota e2e/quota_test.py e2e 300)
suite_python(e2e.admin-paths e2e/admin_paths_test.py e2e 300)
suite_python(e2e.check-policy e2e/check_policy_test.py e2e 120)
suite_python(e2e.deletion e2e/deletion_test.py e2e 600)
suite_python(e2e.encryption e2e/encryption_test.py e2e 600 NEWEST)
suite_python(e2e.files e2e/files_test.py e2e 600)
suite_python(e2e.lifecycle e2e/lifecycle_test.py e2e 600)
suite_python(e2e.proxies e2e/proxies_test.py e2e 600)
suite_python(e2e.deploy e2e/deploy_test.py e2e 900 RELEASE)
suite_python(e2e.operating e2e/operating_test.py e2e 900 RELEASE)
suite_python(e2e.large-upload e2e/large_upload_test.py e2e 3600 RELEASE PROCESSORS 2)

# Faults: the checker by itself, then a real cluster under each fault that takes seconds, in two parts side by side, then
# builds with a guarantee taken away each, which must be noticed. What takes minutes begins early, so that both cores
# have work to the end. The seed is fixed, so that a failure can be repeated; tests/faults/run --long goes further.
suite_python(faults.checker faults/checker_test.py faults 60)
suite_python(faults.broken faults/broken_test.py faults 1800 COST 500)
suite_python(faults.short-1 faults/short_test.py faults 1500 COST 600 CASES 1/2)
suite_python(faults.short-2 faults/short_test.py faults 1500 COST 600 CASES 2/2)
suite_python(faults.memory faults/memory_test.py faults 300 RELEASE PROCESSORS 2)

suite_python(observability.monitoring observability/monitoring_test.py observability 600)
suite_python(observability.logs observability/logs_test.py observability 300)
suite_python(observability.endpoints observability/endpoints_test.py observability 300)
suite_python(observability.buckets observability/buckets_test.py observability 300)
suite_python(observability.requests observability/requests_test.py observability 300)
suite_python(observability.revision observability/revision_test.py observability 120)
suite_python(observability.start observability/start_test.py observability 300)
suite_python(observability.package observability/package_test.py observability 600 RELEASE)
# Begun early, since it is long and uses one core.
suite_python(observability.image observability/image_test.py observability 1200 COST 300)
