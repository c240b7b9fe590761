#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "engine/container/rootfs.h"
#include "engine/container/rootfs_source.h"
#include "engine/template/bootstrap.h"
#include "engine/template/catalogue.h"
#include "engine/template/download.h"
#include "engine/template/sum.h"
#include "engine/units.h"
#include "tests/rootfs/oci_text.h"
#include "tests/support/cases.h"
#include "tests/support/scratch.h"
#include "tests/template/http_server.h"

namespace lodge {
namespace {

const std::string server_folder = std::string(TESTS_FOLDER) + "/template/server";
const std::string detached_folder = std::string(TESTS_FOLDER) + "/template/detached";

std::string sum_of(const std::string& bytes) {
    Sum sum;
    sum.add(bytes.data(), bytes.size());
    return sum.hex();
}

// Bytes that are not all alike.
std::string content(size_t size) {
    std::string bytes(size, '\0');
    uint32_t number = 1;
    for (char& c : bytes)
        c = static_cast<char>((number = number * 1664525 + 1013904223) >> 24);
    return bytes;
}

template <class Call>
std::string words_of(Call call) {
    try {
        call();
    } catch (const Error& trouble) {
        return trouble.what();
    }
    return "";
}

struct Fetching {
    ScratchFolder scratch;
    HttpServer server;
    std::string body = content(300000);
    Download download{server.address() + "/file", scratch.path() + "/file", sum_of(body), 300000};
    std::vector<int64_t> told;

    Fetching() { server.put("/file", {body}); }
    std::string fetch() {
        return words_of(
            [&] { download_file(download, [&](int64_t done, int64_t) { told.push_back(done); }); });
    }
    bool here() const { return cases::read(download.path) == body; }
    bool partial() const { return ::access(partial_path(download.path).c_str(), F_OK) == 0; }
};

TEST(Download, TakesTheFileWhenItsSumIsRight) {
    Fetching one;
    EXPECT_EQ(one.fetch(), "");
    EXPECT_TRUE(one.here());
    EXPECT_FALSE(one.partial());
    EXPECT_EQ(one.told.back(), 300000);
}

TEST(Download, GoesOnWhereItBrokeOff) {
    Fetching one;
    one.server.cut(100000, 2);
    EXPECT_EQ(one.fetch(), "");
    EXPECT_TRUE(one.here());
    EXPECT_EQ(one.server.requests(), (std::vector<std::string>{"GET /file", "GET /file from 100000",
                                                               "GET /file from 200000"}));
}

TEST(Download, AnotherTryGoesOnToo) {
    Fetching one;
    one.server.cut(50000, 4);
    const std::string words = one.fetch();
    EXPECT_NE(words.find("the next try goes on"), std::string::npos) << words;
    EXPECT_TRUE(one.partial());
    EXPECT_FALSE(one.here());
    EXPECT_EQ(one.fetch(), "");
    EXPECT_TRUE(one.here());
    EXPECT_EQ(one.server.requests().back(), "GET /file from 200000");
}

TEST(Download, BeginsAnewWhereTheServerCannotGoOn) {
    Fetching one;
    one.server.ignore_ranges(true);
    one.server.cut(100000, 1);
    EXPECT_EQ(one.fetch(), "");
    EXPECT_TRUE(one.here());
}

TEST(Download, BeginsAnewWhenWhatWasLeftIsSpoilt) {
    Fetching one;
    std::ofstream(partial_path(one.download.path)) << std::string(1000, 'x');
    EXPECT_EQ(one.fetch(), "");
    EXPECT_TRUE(one.here());
}

TEST(Download, RefusesAWrongSum) {
    Fetching one;
    one.download.sha256 = std::string(64, '0');
    const std::string words = one.fetch();
    EXPECT_NE(words.find("its SHA-256 is"), std::string::npos) << words;
    EXPECT_FALSE(one.here());
    // Nothing of it is kept to go on from.
    struct stat facts {};
    EXPECT_TRUE(::stat(partial_path(one.download.path).c_str(), &facts) != 0 || facts.st_size == 0);
}

TEST(Download, RefusesMoreThanWasAnnounced) {
    Fetching one;
    one.download.size = 1000;
    EXPECT_NE(one.fetch().find("more than the 1000 bytes"), std::string::npos);
    EXPECT_FALSE(one.here());
}

TEST(Download, SaysWhatIsNotThere) {
    Fetching one;
    one.download.url += "-other";
    EXPECT_NE(one.fetch().find("404"), std::string::npos);
    one.download.url = "file:///etc/passwd";
    EXPECT_NE(one.fetch(), "");
    EXPECT_FALSE(one.here());
}

TEST(Download, CancelledItKeepsWhatCame) {
    Fetching one;
    const std::string words = words_of([&] {
        download_file(one.download, [](int64_t, int64_t) { throw Error(Exit::cancelled, "no"); });
    });
    EXPECT_EQ(words, "no");
    EXPECT_FALSE(one.here());
}

TEST(Streams, ProductsAreTaken) {
    size_t skipped = 0;
    const auto all =
        parse_stream_products(cases::read(server_folder + "/streams/v1/images.json"), skipped);
    EXPECT_EQ(all.size(), 10U);
    EXPECT_EQ(skipped, 3U);  // squashfs only, no checksum, a path that leads out
    const StreamTemplate& one = all.front();
    EXPECT_EQ(one.name(), "tiny");
    EXPECT_EQ(one.version, "20260101_05:24");
    EXPECT_EQ(template_file_name("images", one),
              "images-tiny-one-" + one.arch + "-default-20260101_05-24.tar.xz");
    const auto again = read_stream_templates(print_stream_templates(all));
    ASSERT_EQ(again.size(), all.size());
    EXPECT_EQ(print_stream_templates(again), print_stream_templates(all));
}

TEST(Streams, HostileIndexesAreRefused) {
    size_t skipped = 0;
    for (const char* text :
         {"", "[]", "{}", "nonsense", R"({"format":"products:1.0"})",
          R"({"format":"products:1.0","products":[1]})", R"({"format":1,"products":{}})"})
        EXPECT_THROW(parse_stream_products(text, skipped), Error) << text;
    EXPECT_THROW(
        parse_stream_index(
            R"({"format":"index:1.0","index":{"a":{"datatype":"image-downloads","path":"../x"}}})"),
        Error);
    EXPECT_THROW(parse_stream_index(R"({"format":"index:1.0","index":{"a":{"datatype":)"
                                    R"("image-downloads","path":"http://elsewhere/x"}}})"),
                 Error);
}

TEST(Bootstrap, SourcesAreTheMachinesOwn) {
    const auto lines = parse_apt_sources(
        "# comment\n"
        "deb [arch=amd64 signed-by=/usr/share/k.gpg] http://m.example/debian bookworm main\n"
        "deb-src http://m.example/debian bookworm main\n"
        "deb http://m.example/debian-security bookworm-security main # x\n"
        "deb http://m.example/ubuntu noble main universe\n",
        false);
    EXPECT_EQ(lines.size(), 3U);
    const auto paragraphs = parse_apt_sources(
        "Types: deb deb-src\nURIs: http://n.example/debian\nSuites: bookworm bookworm-updates\n"
        "Components: main\n contrib\nSigned-By: /k2.gpg\n\n"
        "Enabled: no\nTypes: deb\nURIs: http://off/debian\nSuites: bookworm\nComponents: main\n",
        true);
    EXPECT_EQ(paragraphs.size(), 2U);
    EXPECT_EQ(sources_for(lines, "debian", "bookworm"),
              "deb [signed-by=/usr/share/k.gpg] http://m.example/debian bookworm main\n"
              "deb http://m.example/debian-security bookworm-security main\n");
    EXPECT_EQ(sources_for(lines, "ubuntu", "noble"),
              "deb http://m.example/ubuntu noble main universe\n");
    EXPECT_EQ(sources_for(lines, "debian", "trixie"),
              "deb [signed-by=/usr/share/k.gpg] http://m.example/debian trixie main\n");
    EXPECT_EQ(sources_for(paragraphs, "debian", "bookworm"),
              "deb [signed-by=/k2.gpg] http://n.example/debian bookworm main contrib\n"
              "deb [signed-by=/k2.gpg] http://n.example/debian bookworm-updates main contrib\n");
    EXPECT_EQ(sources_for(lines, "devuan", "daedalus"), "");
}

// An engine that knows one server on the loopback.
struct Catalogue {
    ScratchEngine scratch;
    Engine& engine = scratch.engine;
    HttpServer server;

    explicit Catalogue(const std::string& options, const std::string& folder = server_folder) {
        server.put_folder(folder);
        engine.host.write(engine.host.config_folder() + "/template-servers.cfg",
                          "simplestreams: near\n\turl " + server.address() + "\n" + options);
    }
    std::string run(const Plan& plan) {
        return words_of([&] { engine.jobs.run_here(engine, plan, {}); });
    }
    std::string refresh() {
        Plan plan;
        plan.step("ask", {"template-refresh", {{"servers", std::vector<std::string>{"near"}}}});
        return run(plan);
    }
    std::string fetch(const std::string& name, RemoteTemplate* remote = nullptr) {
        return words_of([&] {
            Plan plan;
            const RemoteTemplate there = plan_fetch_template(engine, name, {}, plan);
            engine.jobs.run_here(engine, plan, {});
            if (remote) *remote = there;
        });
    }
};

bool can_verify() {
    return ::access("/usr/bin/gpgv", X_OK) == 0;
}
const std::string signed_by_us = "\tkeyring " + server_folder + "/keyring.gpg\n";

TEST(Catalogue, SignedIndexIsTakenAndItsTemplateMakesARoot) {
    if (!can_verify()) GTEST_SKIP() << "no gpgv";
    Catalogue near(signed_by_us);
    EXPECT_TRUE(offered_templates(near.engine).empty());
    EXPECT_NE(near.fetch("near:tiny").find("lodge image refresh near"), std::string::npos);
    ASSERT_EQ(near.refresh(), "");
    const auto requests = near.server.requests();
    EXPECT_EQ(requests.front(), "GET /streams/v1/index.sjson");
    EXPECT_EQ(requests.back(), "GET /streams/v1/images.sjson");
    ASSERT_EQ(offered_templates(near.engine).size(), 2U);
    RemoteTemplate remote;
    ASSERT_EQ(near.fetch("near:tiny/one", &remote), "");
    EXPECT_EQ(remote.facts.ostype, "debian");
    const LocalTemplate here = local_template(near.engine, remote.volume);
    ASSERT_TRUE(here.origin);
    EXPECT_EQ(here.origin->name, "near:tiny/one");
    EXPECT_EQ(here.origin->sha256, sum_of(cases::read(here.path)));
    EXPECT_EQ(here.newer, "");
    EXPECT_EQ(offered_templates(near.engine).front().volume, remote.volume);

    // As the source of a container: it is here, so that nothing is fetched again.
    const std::string root = near.scratch.folder.path() + "/root";
    std::filesystem::create_directories(root);
    Plan plan;
    plan_rootfs(near.engine, {"near:tiny", root, {}, 0}, plan);
    EXPECT_EQ(plan.steps.size(), 2U);
    EXPECT_EQ(near.run(plan), "");
    EXPECT_EQ(facts_of_folder(root).ostype, "debian");
    EXPECT_EQ(facts_of_folder(root).title, "Tiny");
    std::filesystem::remove_all(root);
}

TEST(Catalogue, DetachedSignaturesServeToo) {
    if (!can_verify()) GTEST_SKIP() << "no gpgv";
    Catalogue near(signed_by_us, detached_folder);
    EXPECT_EQ(near.refresh(), "");
    EXPECT_EQ(offered_templates(near.engine).size(), 2U);
}

TEST(Catalogue, SomebodyElsesSignatureIsRefused) {
    if (!can_verify()) GTEST_SKIP() << "no gpgv";
    Catalogue near("\tkeyring " + server_folder + "/other.gpg\n");
    EXPECT_NE(near.refresh().find("its signature is not good"), std::string::npos);
    EXPECT_TRUE(offered_templates(near.engine).empty());
}

TEST(Catalogue, AChangedOrUnsignedIndexIsRefused) {
    if (!can_verify()) GTEST_SKIP() << "no gpgv";
    Catalogue near(signed_by_us);
    std::string text = cases::read(server_folder + "/streams/v1/images.sjson");
    text.replace(text.find("\"spoilt\""), 8, "\"Spoilt\"");
    near.server.put("/streams/v1/images.sjson", {text});
    EXPECT_NE(near.refresh().find("its signature is not good"), std::string::npos);
    // What stands around the signed text counts for nothing.
    near.server.put("/streams/v1/images.sjson",
                    {cases::read(server_folder + "/streams/v1/images.json")});
    EXPECT_NE(near.refresh(), "");
    Catalogue bare(signed_by_us, detached_folder);
    bare.server.put("/streams/v1/index.json.gpg",
                    {cases::read(detached_folder + "/streams/v1/images.json.gpg")});
    EXPECT_NE(bare.refresh().find("its signature is not good"), std::string::npos);
    EXPECT_TRUE(offered_templates(near.engine).empty());
    EXPECT_TRUE(offered_templates(bare.engine).empty());
}

TEST(Catalogue, NothingIsTakenThatNobodyVouchesFor) {
    Catalogue near("");
    EXPECT_NE(near.refresh().find("neither HTTPS nor a keyring"), std::string::npos);
    EXPECT_TRUE(near.server.requests().empty());
    Catalogue trusted("\tunsigned 1\n");
    EXPECT_EQ(trusted.refresh(), "");
    EXPECT_EQ(offered_templates(trusted.engine).size(), 2U);
}

TEST(Catalogue, ASpoiltTemplateIsNotTakenOver) {
    Catalogue near("\tunsigned 1\n");
    ASSERT_EQ(near.refresh(), "");
    EXPECT_NE(near.fetch("near:tiny/spoilt").find("as the server's index says"), std::string::npos);
    for (const LocalTemplate& one : local_templates(near.engine))
        EXPECT_TRUE(one.partial) << one.volume;
}

TEST(Catalogue, WhatIsSpoiltLaterIsFound) {
    Catalogue near("\tunsigned 1\n");
    ASSERT_EQ(near.refresh(), "");
    RemoteTemplate remote;
    ASSERT_EQ(near.fetch("near:tiny", &remote), "");
    const LocalTemplate here = local_template(near.engine, remote.volume);
    Plan plan;
    plan.step("verify",
              {"template-verify", {{"path", here.path}, {"sha256", here.origin->sha256}}});
    EXPECT_EQ(near.run(plan), "");
    std::fstream(here.path, std::ios::in | std::ios::out | std::ios::binary).seekp(100).put('!');
    EXPECT_NE(near.run(plan).find("is spoilt"), std::string::npos);
    Plan gone;
    gone.step("delete", {"template-remove", {{"path", here.path}}});
    EXPECT_EQ(near.run(gone), "");
    EXPECT_TRUE(local_templates(near.engine).empty());
    EXPECT_EQ(near.engine.host.list(near.engine.host.state_folder() + "/template/cache").size(),
              0U);
}

TEST(Catalogue, ANewerVersionIsTold) {
    Catalogue near("\tunsigned 1\n");
    ASSERT_EQ(near.refresh(), "");
    RemoteTemplate remote;
    ASSERT_EQ(near.fetch("near:tiny", &remote), "");
    std::string text = cases::read(server_folder + "/streams/v1/images.json");
    for (size_t at = 0; (at = text.find("20260101_05:24", at)) != std::string::npos;)
        text.replace(at, 14, "20260202_05:24");
    near.server.put("/streams/v1/images.json", {text});
    ASSERT_EQ(near.refresh(), "");
    EXPECT_EQ(local_template(near.engine, remote.volume).newer, "20260202_05:24");
}

TEST(Catalogue, NamesOfStoragesComeFirst) {
    ScratchEngine scratch;
    EXPECT_TRUE(is_remote_template(scratch.engine, "debian:bookworm"));
    EXPECT_TRUE(is_remote_template(scratch.engine, "images:debian/12"));
    EXPECT_TRUE(is_remote_template(scratch.engine, "docker://localhost/x"));
    EXPECT_FALSE(is_remote_template(scratch.engine, "local:vztmpl/x.tar.xz"));
    EXPECT_FALSE(is_remote_template(scratch.engine, "/tmp/x.tar.xz"));
    EXPECT_FALSE(is_remote_template(scratch.engine, "debian"));
    scratch.engine.host.write(scratch.engine.host.config_folder() + "/storage.cfg",
                              "dir: debian\n\tpath /srv\n\tcontent vztmpl\n");
    scratch.engine.storages.forget();
    EXPECT_FALSE(is_remote_template(scratch.engine, "debian:bookworm"));
}

// A registry of one image: docker://127.0.0.1:PORT/web:latest. Its API: distribution-spec 1.1.
struct Registry {
    HttpServer server;
    std::string name = fmt::format("docker://127.0.0.1:{}/web:latest", server.port());

    explicit Registry(const std::string& layout) {
        using nlohmann::json;
        server.put("/v2/", {"{}", "application/json"});
        const json index = json::parse(cases::read(layout + "/index.json"));
        const std::string digest = index["manifests"].back()["digest"];
        const std::string manifest = cases::read(layout + "/blobs/sha256/" + digest.substr(7));
        for (const char* by : {"latest", digest.c_str()})
            server.put(fmt::format("/v2/web/manifests/{}", by),
                       {manifest, "application/vnd.oci.image.manifest.v1+json"});
        for (const auto& blob : std::filesystem::directory_iterator(layout + "/blobs/sha256"))
            server.put("/v2/web/blobs/sha256:" + blob.path().filename().string(),
                       {cases::read(blob.path())});
    }
};

TEST(Registry, ItsImageBecomesATemplateAndARoot) {
    if (::access("/usr/bin/skopeo", X_OK) != 0) GTEST_SKIP() << "no skopeo";
    ScratchEngine scratch;
    Engine& engine = scratch.engine;
    const std::string top = scratch.folder.path();
    make_oci_layout(top + "/layout", {"folder ./\nfile ./web mode=755 text=serves\n"},
                    fmt::format(R"({{"architecture":"{}","os":"linux","config":{{"Cmd":["/web"],)"
                                R"("User":"33:33"}},"rootfs":{{"type":"layers","diff_ids":[]}}}})",
                                machine_arch()),
                    "latest");
    const Registry registry(top + "/layout");
    RemoteOptions options;
    options.plain_http = true;
    options.facts = true;
    Plan plan;
    RemoteTemplate remote;
    ASSERT_EQ(words_of([&] { remote = plan_fetch_template(engine, registry.name, options, plan); }),
              "");
    EXPECT_EQ(remote.facts.entrypoint, std::vector<std::string>{"/web"});
    EXPECT_EQ(remote.facts.user, "33:33");
    ASSERT_EQ(words_of([&] { engine.jobs.run_here(engine, plan, {}); }), "");
    const LocalTemplate here = local_template(engine, remote.volume);
    EXPECT_EQ(here.origin->name, registry.name);
    EXPECT_EQ(facts_of_source(engine, remote.volume).entrypoint, remote.facts.entrypoint);
    const std::string root = top + "/root";
    std::filesystem::create_directories(root);
    Plan fill;
    plan_rootfs(engine, {registry.name, root, {}, 0}, fill);
    EXPECT_EQ(fill.steps.size(), 2U);  // it is here
    EXPECT_EQ(words_of([&] { engine.jobs.run_here(engine, fill, {}); }), "");
    EXPECT_EQ(cases::read(root + "/web"), "serves");

    // One that is not there leaves nothing.
    Plan none;
    options.facts = false;
    plan_fetch_template(engine,
                        fmt::format("docker://127.0.0.1:{}/none:latest", registry.server.port()),
                        options, none);
    EXPECT_NE(words_of([&] { engine.jobs.run_here(engine, none, {}); }), "");
    EXPECT_EQ(local_templates(engine).size(), 1U);
    EXPECT_EQ(engine.host.list(engine.host.state_folder() + "/template/cache").size(), 2U);
}

}  // namespace
}  // namespace lodge
