class Sms
  BASE = 'https://api.mspace.co.ke/mspaceservice/wr/sms'.freeze

  def initialize(pass: ENV.fetch('MSPACE_PASS', 'Jogoo-3142'))
    @pass = pass
  end
end
