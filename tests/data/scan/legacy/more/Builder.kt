class A {
  fun a() = Uri.Builder().scheme("http").encodedAuthority("api.mspace.co.ke")
      .appendPath("mspaceservice").appendPath("wr").appendPath("sms")
      .appendPath("sendtext")
      .appendPath("username=$user").appendPath("password=$pass")
      .appendPath("senderid=$sid").appendPath("recipient=$to").appendPath("message=$text").build()
  interface Api {
    @GET("mspaceservice/wr/sms/balance/username={u}/password={p}")
    fun balance(@Path("u") u: String, @Path("p") p: String): Call<String>
  }
}
