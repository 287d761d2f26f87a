class Rest {
    string TopUp(string client, int units) {
        var rest = new RestClient("https://api.mspace.co.ke/mspaceservice/wr/sms");
        var request = new RestRequest("resellerclienttopup/username={user}/password={pass}/clientname={client}/noofsms={units}");
        request.AddUrlSegment("pass", "Jogoo-3143");
        return rest.Execute(request).Content;
    }
}
