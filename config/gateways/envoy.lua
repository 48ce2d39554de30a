-- Rocket.Chat's 401, for envoy.yaml and envoy-grpc.yaml: asks Gantry once more about the same request, with the mark of the credentials
-- that Rocket.Chat refused. Envoy cannot repeat a request with other credentials, so the client is told to.

-- Cookies may come in several fields; everything else that counts stands once, or Gantry said no.
local function join(name, one, other)
    return one .. (name == "cookie" and "; " or ",") .. other
end

-- The client's fields, before ext_authz replaces some of them. It is called on routes that are asked about, and on no other.
-- They stand in the dynamic metadata as long as the request lasts: keep that out of access logs.
function envoy_on_request(handle)
    local question = {}
    for name, value in pairs(handle:headers()) do
        question[name] = question[name] and join(name, question[name], value) or value
    end
    handle:streamInfo():dynamicMetadata():set("gantry", "question", question)
end

function envoy_on_response(handle)
    if handle:headers():get(":status") ~= "401" then
        return
    end
    local metadata = handle:streamInfo():dynamicMetadata()
    local told = metadata:get("envoy.filters.http.ext_authz")
    local asked = metadata:get("gantry")
    local mark = told and told["x-gantry-retry"]
    if not asked or not mark or mark == "" then
        return
    end
    local question = asked["question"]
    local target = question[":path"]
    question[":path"] = "/_gantry/filter/envoy" .. target
    question["content-length"] = "0"
    question["transfer-encoding"] = nil
    question["x-gantry-secret"] = "FILTER-SECRET"
    question["x-gantry-retry"] = mark
    -- Holds the body, which would go on by itself while Gantry is asked.
    handle:body(true)
    local answer = handle:httpCall("gantry", question, nil, 15000)
    local status = answer[":status"]
    if status == "401" or status == "403" then
        return
    end
    local headers = handle:headers()
    if status == "200" then
        headers:replace(":status", "307")
        headers:replace("location", target)
    else
        -- There may be new ones soon: a 401 would tell the client that it is logged out.
        headers:replace(":status", "503")
        headers:replace("retry-after", "2")
    end
    handle:body(true):setBytes("")
    headers:replace("cache-control", "no-store")
    headers:replace("content-length", "0")
    headers:remove("content-type")
    headers:remove("www-authenticate")
end
